/* Sound to log-mel energies: a Fourier transform of 32 ms every 16 ms, mel filters, and the sound's own level taken out. */
#include "dwindle.h"

#define HALF (DWINDLE_FRAME_SAMPLES / 2)
#define COSINE_BITS 14
/* How many bits stand behind the point. A windowed sample has 6 more than it came with; the sum of 256 fits into 32. */
#define SAMPLE_BITS 6
#define ENERGY_BITS 44 /* 2 * (15 + SAMPLE_BITS), 8 given up, 10 from the filters */
#define LEVEL_BITS 43

static int32_t real[DWINDLE_FRAME_SAMPLES], imaginary[DWINDLE_FRAME_SAMPLES];

/* Between two entries of a table of 65; `at` has 22 bits, the upper six name the entry. */
static int32_t interpolated(const uint16_t *table, uint32_t at)
{
    int32_t from = table[at >> 16], to = table[(at >> 16) + 1];
    return from + (int32_t)(((to - from) * (int64_t)(at & 0xffff)) >> 16);
}

int32_t dwindle_log2(uint64_t number)
{
    int32_t whole = 63;
    for (; !(number >> 63); number <<= 1)
        whole--;
    return whole * DWINDLE_ONE + ((interpolated(dwindle_log2_table, (uint32_t)(number >> 41) & 0x3fffff) + 16) >> 5);
}

int32_t dwindle_exp2(int32_t power)
{
    int32_t whole = power >> 10, fraction = power - whole * DWINDLE_ONE; /* rounded down: the fraction is 0 to 1 */
    if (whole < -16)
        return 0;
    return (DWINDLE_SHARES + interpolated(dwindle_exp2_table, (uint32_t)fraction << 12)) >> -whole;
}

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

int dwindle_picture(const int16_t *audio, int samples, int16_t *picture)
{
    if (samples < DWINDLE_FRAME_SAMPLES || samples > DWINDLE_MOST_SAMPLES)
        return 0;
    int frames = (samples - DWINDLE_FRAME_SAMPLES) / DWINDLE_HOP_SAMPLES + 1;
    uint16_t *logarithms = (uint16_t *)picture; /* of energies; 0 where there is none */
    uint64_t level = 0;
    for (int frame = 0; frame < frames; frame++) {
        const int16_t *sound = audio + frame * DWINDLE_HOP_SAMPLES;
        for (int n = 0; n < DWINDLE_FRAME_SAMPLES; n++) {
            int32_t window = (1 << COSINE_BITS) - dwindle_cosines[n]; /* of Hann, twice as many */
            real[n] = (sound[n] * window) >> (COSINE_BITS + 1 - SAMPLE_BITS);
        }
        transform();
        uint64_t loudness = 0;
        for (int band = 0; band < DWINDLE_BANDS; band++) {
            uint64_t energy = mel_energy(band);
            logarithms[band * frames + frame] = (uint16_t)(energy ? dwindle_log2(energy) : 0);
            loudness += (energy >> 8) * dwindle_level_shares[band];
        }
        level += loudness >> 6;
    }
    int32_t ground = dwindle_log2(level / (uint64_t)frames + DWINDLE_SILENCE_ENERGY);
    ground += (ENERGY_BITS - LEVEL_BITS) * DWINDLE_ONE;
    int32_t floor = ground + DWINDLE_LOG2_ENERGY_FLOOR;
    for (int n = 0; n < DWINDLE_BANDS * frames; n++) {
        int32_t energy = logarithms[n] ? logarithms[n] : floor - 20 * DWINDLE_ONE;
        int32_t larger = energy > floor ? energy : floor, apart = energy > floor ? energy - floor : floor - energy;
        larger += dwindle_log2(DWINDLE_SHARES + (uint64_t)dwindle_exp2(-apart)) - 15 * DWINDLE_ONE;
        picture[n] = (int16_t)((((larger - ground) * DWINDLE_INPUT_SCALE) >> 16) + DWINDLE_INPUT_SHIFT);
    }
    return frames;
}
