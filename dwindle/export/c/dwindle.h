/* A speech network of Dwindle in C99 and whole numbers: int8 weights, int16 between layers, no heap, no float. The network
 * itself is in dwindle_model.h, which python -m dwindle.export.microcontroller writes. Right shifts of negative numbers
 * are taken to keep the sign, as every compiler for microcontrollers does. */
#ifndef DWINDLE_H
#define DWINDLE_H

#include "dwindle_model.h"

#ifndef DWINDLE_MOST_SAMPLES
#define DWINDLE_MOST_SAMPLES 8000 /* of one call; RAM grows with it */
#endif
#define DWINDLE_FRAME_SAMPLES 256
#define DWINDLE_HOP_SAMPLES 128
#define DWINDLE_EDGES ((DWINDLE_SPECTRUM_SAMPLES - DWINDLE_FRAME_SAMPLES) / (2 * DWINDLE_HOP_SAMPLES)) /* without sound */
#define DWINDLE_ENERGY_BITS 44 /* how many stand behind the point */
#define DWINDLE_MOST_FRAMES ((DWINDLE_MOST_SAMPLES - DWINDLE_FRAME_SAMPLES) / DWINDLE_HOP_SAMPLES + 1)
#define DWINDLE_MOST_TIMES ((DWINDLE_MOST_FRAMES + 1) / 2)
#define DWINDLE_ONE 1024 /* what stands for 1.0 in all that the network computes and gives */

#define DWINDLE_SHARES 32768 /* what stands for 1.0 in powers of two */

/* The base 2 logarithm of a number that is not 0, and 2 to the power of one that is not above 0. */
int32_t dwindle_log2(uint64_t number);
int32_t dwindle_exp2(int32_t power);

/* Energies of DWINDLE_SPECTRUM_SAMPLES samples in DWINDLE_BANDS bands; of frames that follow on a first one in order. */
void dwindle_energies(const int16_t *sound, int is_first, uint64_t *energies);

/* Normalised logarithms of the energies of `samples` samples of 16 bits at 8 kHz: picture[band * frames + frame]. Gives
 * the frames; 0 where there are too few samples or too many. */
int dwindle_picture(const int16_t *audio, int samples, int16_t *picture);

/* What the network says of a sound: logits[DWINDLE_CLASSES] of it as one word; of every 32 ms
 * frames[time * (DWINDLE_CLASSES + 1) + class], the last class blank; its embedding[DWINDLE_CHANNELS]. `frames` holds
 * DWINDLE_MOST_TIMES rows. Gives the rows that were written, 0 as dwindle_picture does. Not reentrant. */
int dwindle_hear(const int16_t *audio, int samples, int32_t *logits, int32_t *frames, int16_t *embedding);

#endif
