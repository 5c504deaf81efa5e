/* Energies of band-pass filters whose edges were learnt: each is a pair a quarter period apart, one even about its middle
 * and one odd, of which the header holds the first half. A frame averages their squares at eight places. */
#include "dwindle.h"

#define HALF (DWINDLE_FRAME_SAMPLES / 2)
#define PLACES 8
#define STEP_SAMPLES 32
#define MARGIN_SAMPLES (STEP_SAMPLES / 2)
#define FILTER_BITS 17
/* How many bits stand behind the point: a filtered sample has 6 more than it came with. DWINDLE_ENERGY_BITS are
 * 2 * (15 + SAMPLE_BITS), and 2 that dwindle_pooling is larger by. */
#define SAMPLE_BITS 6

static uint64_t squares[PLACES][DWINDLE_BANDS];

static int64_t filtered(int64_t sum)
{
    return (sum + (1 << (FILTER_BITS - SAMPLE_BITS - 1))) >> (FILTER_BITS - SAMPLE_BITS);
}

void dwindle_energies(const int16_t *sound, int is_first, uint64_t *energies)
{
    int known = is_first ? 0 : PLACES / 2; /* the second half of the frame before is the first of this */
    for (int place = 0; place < known; place++)
        for (int band = 0; band < DWINDLE_BANDS; band++)
            squares[place][band] = squares[place + PLACES / 2][band];
    for (int place = known; place < PLACES; place++) {
        const int16_t *begin = sound + MARGIN_SAMPLES + place * STEP_SAMPLES, *end = begin + DWINDLE_FRAME_SAMPLES - 1;
        for (int band = 0; band < DWINDLE_BANDS; band++) {
            const int16_t *even = dwindle_even + band * HALF, *odd = dwindle_odd + band * HALF;
            int64_t cosine = 0, sine = 0;
            for (int n = 0; n < HALF; n++) {
                cosine += (int64_t)even[n] * (begin[n] + end[-n]);
                sine += (int64_t)odd[n] * (begin[n] - end[-n]);
            }
            cosine = filtered(cosine);
            sine = filtered(sine);
            squares[place][band] = (uint64_t)(cosine * cosine + sine * sine);
        }
    }
    for (int band = 0; band < DWINDLE_BANDS; band++) {
        energies[band] = 0;
        for (int place = 0; place < PLACES; place++)
            energies[band] += squares[place][band] * dwindle_pooling[place];
    }
}
