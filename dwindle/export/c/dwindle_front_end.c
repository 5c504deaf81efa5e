/* Sound to the logarithms of its energies in bands, with its own level taken out. The energies themselves are computed in
 * dwindle_log_mel.c or dwindle_sinc.c, whichever the network was trained with. */
#include "dwindle.h"

#define LEVEL_BITS 43 /* how many bits stand behind the point */

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

int dwindle_picture(const int16_t *audio, int samples, int16_t *picture)
{
    if (samples < DWINDLE_SPECTRUM_SAMPLES || samples > DWINDLE_MOST_SAMPLES)
        return 0;
    int frames = (samples - DWINDLE_FRAME_SAMPLES) / DWINDLE_HOP_SAMPLES + 1;
    int last = frames - 1 - DWINDLE_EDGES;
    uint16_t *logarithms = (uint16_t *)picture; /* of energies; 0 where there is none */
    uint64_t energies[DWINDLE_BANDS], level = 0;
    for (int frame = DWINDLE_EDGES; frame <= last; frame++) {
        dwindle_energies(audio + (frame - DWINDLE_EDGES) * DWINDLE_HOP_SAMPLES, frame == DWINDLE_EDGES, energies);
        uint64_t loudness = 0;
        for (int band = 0; band < DWINDLE_BANDS; band++) {
            logarithms[band * frames + frame] = (uint16_t)(energies[band] ? dwindle_log2(energies[band]) : 0);
            loudness += (energies[band] >> 8) * dwindle_level_shares[band];
        }
        level += (loudness >> 6) * (1u + DWINDLE_EDGES * ((frame == DWINDLE_EDGES) + (frame == last)));
    }
    for (int band = 0; band < DWINDLE_BANDS * DWINDLE_EDGES; band++) { /* the outermost are as those beside them */
        logarithms[band * frames] = logarithms[band * frames + 1];
        logarithms[band * frames + frames - 1] = logarithms[band * frames + last];
    }
    int32_t ground = dwindle_log2(level / (uint64_t)frames + DWINDLE_SILENCE_ENERGY);
    ground += (DWINDLE_ENERGY_BITS - LEVEL_BITS) * DWINDLE_ONE;
    int32_t floor = ground + DWINDLE_LOG2_ENERGY_FLOOR;
    for (int n = 0; n < DWINDLE_BANDS * frames; n++) {
        int32_t energy = logarithms[n] ? logarithms[n] : floor - 20 * DWINDLE_ONE;
        int32_t larger = energy > floor ? energy : floor, apart = energy > floor ? energy - floor : floor - energy;
        larger += dwindle_log2(DWINDLE_SHARES + (uint64_t)dwindle_exp2(-apart)) - 15 * DWINDLE_ONE;
        picture[n] = (int16_t)((((larger - ground) * DWINDLE_INPUT_SCALE) >> 16) + DWINDLE_INPUT_SHIFT);
    }
    return frames;
}
