/* Energies of a Fourier transform of 32 ms through mel filters. */
#include "dwindle.h"

#define COSINE_BITS 14
/* How many bits stand behind the point. A windowed sample has 6 more than it came with; the sum of 256 fits into 32.
 * DWINDLE_ENERGY_BITS are 2 * (15 + SAMPLE_BITS), 8 given up, 10 from the filters. */
#define SAMPLE_BITS 6

static int32_t real[DWINDLE_FRAME_SAMPLES], imaginary[DWINDLE_FRAME_SAMPLES];

static int32_t turned(int32_t value, int32_t cosine, int32_t other, int32_t sine)
{
    int64_t sum = (int64_t)value * cosine + (int64_t)other * sine;
    return (int32_t)((sum + (1 << (COSINE_BITS - 1))) >> COSINE_BITS);
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
            int32_t kept = real[n];
            real[n] = real[reversed];
            real[reversed] = kept;
        }
    }
    for (int n = 0; n < DWINDLE_FRAME_SAMPLES; n++)
        imaginary[n] = 0;
    for (int size = 2; size <= DWINDLE_FRAME_SAMPLES; size <<= 1) {
        int step = DWINDLE_FRAME_SAMPLES / size;
        for (int start = 0; start < DWINDLE_FRAME_SAMPLES; start += size) {
            for (int k = 0; k < size / 2; k++) {
                int32_t c = dwindle_cosines[k * step];
                int32_t s = dwindle_cosines[(k * step + DWINDLE_FRAME_SAMPLES / 4) % DWINDLE_FRAME_SAMPLES]; /* -sine */
                int upper = start + k, lower = upper + size / 2;
                int32_t r = turned(real[lower], c, imaginary[lower], -s);
                int32_t i = turned(real[lower], s, imaginary[lower], c);
                real[lower] = real[upper] - r;
                imaginary[lower] = imaginary[upper] - i;
                real[upper] += r;
                imaginary[upper] += i;
            }
        }
    }
}

/* What a triangle of the mel scale lets through. */
static uint64_t mel_energy(int band)
{
    const uint16_t *shares = dwindle_mel_shares + dwindle_mel_starts[band];
    int bins = dwindle_mel_starts[band + 1] - dwindle_mel_starts[band];
    uint64_t energy = 0;
    for (int n = 0; n < bins; n++) {
        int64_t r = real[dwindle_mel_first[band] + n], i = imaginary[dwindle_mel_first[band] + n];
        energy += ((uint64_t)(r * r + i * i) >> 8) * shares[n];
    }
    return energy;
}

void dwindle_energies(const int16_t *sound, int is_first, uint64_t *energies)
{
    (void)is_first;
    for (int n = 0; n < DWINDLE_FRAME_SAMPLES; n++) {
        int32_t window = (1 << COSINE_BITS) - dwindle_cosines[n]; /* of Hann, twice as many */
        real[n] = (sound[n] * window) >> (COSINE_BITS + 1 - SAMPLE_BITS);
    }
    transform();
    for (int band = 0; band < DWINDLE_BANDS; band++)
        energies[band] = mel_energy(band);
}
