/* Sound to log-mel energies: a Fourier transform of 32 ms every 16 ms, mel filters, and the sound's own level taken out. */
#include "dwindle.h"

#include <math.h>

#define HALF (DWINDLE_FRAME_SAMPLES / 2)
#define SAMPLE_RATE 8000

static float cosines[DWINDLE_FRAME_SAMPLES]; /* one period */
static float real[DWINDLE_FRAME_SAMPLES], imaginary[DWINDLE_FRAME_SAMPLES];

static void make_cosines(void)
{
    if (cosines[0] == 1.0f)
        return;
    for (int n = 0; n < DWINDLE_FRAME_SAMPLES; n++)
        cosines[n] = (float)cos(n * (2.0 * 3.14159265358979323846 / DWINDLE_FRAME_SAMPLES));
}

/* In place: decimation in time, radix two. */
static void transform(void)
{
    for (int n = 1, reversed = 0; n < DWINDLE_FRAME_SAMPLES; n++) {
        int bit = DWINDLE_FRAME_SAMPLES >> 1;
        for (; reversed & bit; bit >>= 1)
            reversed ^= bit;
        reversed ^= bit;
        if (n < reversed) {
            float kept = real[n];
            real[n] = real[reversed];
            real[reversed] = kept;
        }
    }
    for (int n = 0; n < DWINDLE_FRAME_SAMPLES; n++)
        imaginary[n] = 0.0f;
    for (int size = 2; size <= DWINDLE_FRAME_SAMPLES; size <<= 1) {
        int step = DWINDLE_FRAME_SAMPLES / size;
        for (int start = 0; start < DWINDLE_FRAME_SAMPLES; start += size) {
            for (int k = 0; k < size / 2; k++) {
                float c = cosines[k * step];
                float s = cosines[(k * step + DWINDLE_FRAME_SAMPLES / 4) % DWINDLE_FRAME_SAMPLES]; /* minus the sine */
                int upper = start + k, lower = upper + size / 2;
                float r = real[lower] * c - imaginary[lower] * s;
                float i = real[lower] * s + imaginary[lower] * c;
                real[lower] = real[upper] - r;
                imaginary[lower] = imaginary[upper] - i;
                real[upper] += r;
                imaginary[upper] += i;
            }
        }
    }
}

/* A triangle that rises from one edge to the next and falls to the one after. */
static float mel_energy(int band)
{
    const float hz_per_bin = (float)SAMPLE_RATE / DWINDLE_FRAME_SAMPLES;
    const float *edge = dwindle_mel_edges_hz + band;
    float energy = 0.0f;
    for (int bin = (int)(edge[0] / hz_per_bin); bin <= HALF && bin * hz_per_bin < edge[2]; bin++) {
        float hz = bin * hz_per_bin;
        float rising = (hz - edge[0]) / (edge[1] - edge[0]), falling = (edge[2] - hz) / (edge[2] - edge[1]);
        float share = rising < falling ? rising : falling;
        if (share > 0.0f)
            energy += share * (real[bin] * real[bin] + imaginary[bin] * imaginary[bin]);
    }
    return energy;
}

int dwindle_picture(const float *audio, int samples, float *picture)
{
    if (samples < DWINDLE_FRAME_SAMPLES || samples > DWINDLE_MOST_SAMPLES)
        return 0;
    int frames = (samples - DWINDLE_FRAME_SAMPLES) / DWINDLE_HOP_SAMPLES + 1;
    make_cosines();
    for (int frame = 0; frame < frames; frame++) {
        const float *sound = audio + frame * DWINDLE_HOP_SAMPLES;
        for (int n = 0; n < DWINDLE_FRAME_SAMPLES; n++)
            real[n] = sound[n] * (0.5f - 0.5f * cosines[n]);
        transform();
        for (int band = 0; band < DWINDLE_BANDS; band++)
            picture[band * frames + frame] = mel_energy(band);
    }
    float level = 0.0f;
    for (int band = 0; band < DWINDLE_BANDS; band++) {
        float sum = 0.0f;
        for (int frame = 0; frame < frames; frame++)
            sum += picture[band * frames + frame];
        level += sum / frames * dwindle_level_shares[band];
    }
    for (int n = 0; n < DWINDLE_BANDS * frames; n++)
        picture[n] = logf(picture[n] / (level + DWINDLE_SILENCE_ENERGY) + DWINDLE_ENERGY_FLOOR);
    return frames;
}
