/* A speech network of Dwindle in C99: int8 weights, float arithmetic, no heap. The network itself is in dwindle_model.h,
 * which python -m dwindle.export.microcontroller writes. */
#ifndef DWINDLE_H
#define DWINDLE_H

#include "dwindle_model.h"

#ifndef DWINDLE_MOST_SAMPLES
#define DWINDLE_MOST_SAMPLES 8000 /* of one call; RAM grows with it */
#endif
#define DWINDLE_FRAME_SAMPLES 256
#define DWINDLE_HOP_SAMPLES 128
#define DWINDLE_MOST_FRAMES ((DWINDLE_MOST_SAMPLES - DWINDLE_FRAME_SAMPLES) / DWINDLE_HOP_SAMPLES + 1)
#define DWINDLE_MOST_TIMES ((DWINDLE_MOST_FRAMES + 1) / 2)

/* Log-mel energies of `samples` samples at 8 kHz, -1 to 1: picture[band * frames + frame]. Gives the frames; 0 where
 * there are too few samples or too many. */
int dwindle_picture(const float *audio, int samples, float *picture);

/* What the network says of a sound: logits[DWINDLE_CLASSES] of it as one word; of every 32 ms
 * frames[time * (DWINDLE_CLASSES + 1) + class], the last class blank; its embedding[DWINDLE_CHANNELS]. `frames` holds
 * DWINDLE_MOST_TIMES rows. Gives the rows that were written, 0 as dwindle_picture does. Not reentrant. */
int dwindle_hear(const float *audio, int samples, float *logits, float *frames, float *embedding);

#endif
