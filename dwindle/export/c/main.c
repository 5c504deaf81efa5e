/* What one sound is: 16-bit PCM at 8 kHz on standard input, at most a second of it; its numbers on standard output. */
#include "dwindle.h"

#include <stdio.h>

static float audio[DWINDLE_MOST_SAMPLES];
static float logits[DWINDLE_CLASSES], embedding[DWINDLE_CHANNELS];
static float frames[DWINDLE_MOST_TIMES * (DWINDLE_CLASSES + 1)];

int main(void)
{
    int samples = 0, low, high, best = 0;
    while (samples < DWINDLE_MOST_SAMPLES && (low = getchar()) != EOF && (high = getchar()) != EOF)
        audio[samples++] = (float)(int16_t)(low | high << 8) / 32768.0f;
    if (!dwindle_hear(audio, samples, logits, frames, embedding)) {
        fprintf(stderr, "%d samples are too few\n", samples);
        return 1;
    }
    for (int n = 1; n < DWINDLE_CLASSES; n++)
        best = logits[n] > logits[best] ? n : best;
    printf("%s", dwindle_labels[best]);
    for (int n = 0; n < DWINDLE_CLASSES; n++)
        printf(" %.6f", logits[n]);
    printf("\n");
    return 0;
}
