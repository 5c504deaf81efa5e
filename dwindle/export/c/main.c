/* What one sound is: 16-bit PCM at 8 kHz on standard input, at most a second of it; its numbers on standard output. */
#include "dwindle.h"

#include <stdio.h>

static int16_t audio[DWINDLE_MOST_SAMPLES], embedding[DWINDLE_CHANNELS];
static int32_t logits[DWINDLE_CLASSES], frames[DWINDLE_MOST_TIMES * (DWINDLE_CLASSES + 1)];

int main(void)
{
    int samples = 0, low, high, best = 0;
    while (samples < DWINDLE_MOST_SAMPLES && (low = getchar()) != EOF && (high = getchar()) != EOF)
        audio[samples++] = (int16_t)(low | high << 8);
    if (!dwindle_hear(audio, samples, logits, frames, embedding)) {
        fprintf(stderr, "%d samples are too few\n", samples);
        return 1;
    }
    for (int n = 1; n < DWINDLE_CLASSES; n++)
        best = logits[n] > logits[best] ? n : best;
    printf("%s", dwindle_labels[best]);
    for (int n = 0; n < DWINDLE_CLASSES; n++)
        printf(" %.6f", logits[n] / (double)DWINDLE_ONE);
    printf("\n");
    return 0;
}
