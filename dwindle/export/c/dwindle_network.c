/* The layers, in whole numbers. Maps lie as [band][time][channel]; what a depthwise layer gives is never stored, but used
 * at once by the pointwise layer behind it. */
#include "dwindle.h"

#include <stddef.h>

#define BANDS1 ((DWINDLE_BANDS + 1) / 2) /* behind the first layer */
#define BANDS2 ((BANDS1 + 1) / 2)        /* behind the second */
#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define PICTURE (DWINDLE_BANDS * DWINDLE_MOST_FRAMES)
#define FIRST_MAP (BANDS1 * DWINDLE_MOST_TIMES * DWINDLE_STEM)
#define STEM_MAP (BANDS2 * DWINDLE_MOST_TIMES * DWINDLE_WIDE)
#define TRUNK_MAP (DWINDLE_MOST_TIMES * DWINDLE_CHANNELS)

static int16_t map_a[LARGER(LARGER(PICTURE, STEM_MAP), TRUNK_MAP)];
static int16_t map_b[LARGER(LARGER(FIRST_MAP, STEM_MAP), TRUNK_MAP)];
static int16_t column[LARGER(LARGER(DWINDLE_WIDE, DWINDLE_STEM), DWINDLE_CHANNELS)];
static int32_t attention[DWINDLE_MOST_TIMES];

const unsigned long dwindle_ram_bytes = sizeof map_a + sizeof map_b + sizeof column + sizeof attention;

static int16_t fitted(int32_t value)
{
    return (int16_t)(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

static int16_t rectified(int32_t value)
{
    return fitted(value > 0 ? value : 0);
}

/* A sum of products of weights as they are stored, in the unit of maps. */
static int32_t scaled(int32_t sum, int32_t scale)
{
    return (int32_t)((sum * (int64_t)scale + (1 << (DWINDLE_SCALE_BITS - 1))) >> DWINDLE_SCALE_BITS);
}

static int32_t product(const int16_t *values, const int8_t *weights, int count)
{
    int32_t sum = 0;
    for (int n = 0; n < count; n++)
        sum += values[n] * weights[n];
    return sum;
}

/* 5 x 5 with steps of two. */
static void first_layer(const int16_t *picture, int frames, int times, int16_t *out)
{
    for (int band = 0; band < BANDS1; band++)
        for (int time = 0; time < times; time++)
            for (int channel = 0; channel < DWINDLE_STEM; channel++) {
                const int8_t *kernel = dwindle_first.weights + channel * 25;
                int32_t sum = 0;
                for (int i = 0; i < 5; i++)
                    for (int j = 0; j < 5; j++) {
                        int b = 2 * band + i - 2, f = 2 * time + j - 2;
                        if (b >= 0 && b < DWINDLE_BANDS && f >= 0 && f < frames)
                            sum += kernel[5 * i + j] * picture[b * frames + f];
                    }
                *out++ = rectified(scaled(sum, dwindle_first.scales[channel]) + dwindle_first.biases[channel]);
            }
}

/* Depthwise, pointwise, what a shortcut brings, rectifier. The output may take the shortcut's place. */
static void separable(const dwindle_layer *depthwise, const dwindle_layer *pointwise, const int16_t *in, int bands,
                      int times, int band_step, const int16_t *shortcut, int16_t *out)
{
    int channels = depthwise->outputs, high = depthwise->high, wide = depthwise->wide;
    for (int band = 0; band < (bands + band_step - 1) / band_step; band++)
        for (int time = 0; time < times; time++) {
            for (int channel = 0; channel < channels; channel++) {
                const int8_t *kernel = depthwise->weights + channel * high * wide;
                int32_t sum = 0;
                for (int i = 0; i < high; i++)
                    for (int j = 0; j < wide; j++) {
                        int b = band_step * band + i - high / 2, t = time + j - wide / 2;
                        if (b >= 0 && b < bands && t >= 0 && t < times)
                            sum += kernel[wide * i + j] * in[(b * times + t) * channels + channel];
                    }
                column[channel] = fitted(scaled(sum, depthwise->scales[channel]));
            }
            for (int channel = 0; channel < pointwise->outputs; channel++) {
                int32_t sum = product(column, pointwise->weights + channel * channels, channels);
                sum = scaled(sum, pointwise->scales[channel]) + pointwise->biases[channel];
                int at = (band * times + time) * pointwise->outputs + channel;
                out[at] = rectified(shortcut ? sum + shortcut[at] : sum);
            }
        }
}

/* All bands of a moment become its channels. */
static void across_bands(const int16_t *in, int times, int16_t *out)
{
    for (int time = 0; time < times; time++)
        for (int channel = 0; channel < DWINDLE_CHANNELS; channel++) {
            const int8_t *weights = dwindle_across.weights + channel * DWINDLE_WIDE * BANDS2;
            int32_t sum = 0;
            for (int from = 0; from < DWINDLE_WIDE; from++)
                for (int band = 0; band < BANDS2; band++)
                    sum += weights[from * BANDS2 + band] * in[(band * times + time) * DWINDLE_WIDE + from];
            out[time * DWINDLE_CHANNELS + channel] =
                rectified(scaled(sum, dwindle_across.scales[channel]) + dwindle_across.biases[channel]);
        }
}

static void read_out(const dwindle_layer *layer, const int16_t *values, int32_t *out)
{
    for (int n = 0; n < layer->outputs; n++)
        out[n] = scaled(product(values, layer->weights + n * DWINDLE_CHANNELS, DWINDLE_CHANNELS), layer->scales[n]) +
                 layer->biases[n];
}

/* All moments as one, each by how much attention it gets. */
static void pool(const int16_t *last, int times, int16_t *embedding)
{
    int32_t largest = INT32_MIN, total = 0;
    for (int time = 0; time < times; time++) {
        read_out(&dwindle_attention, last + time * DWINDLE_CHANNELS, &attention[time]);
        largest = attention[time] > largest ? attention[time] : largest;
    }
    for (int time = 0; time < times; time++)
        total += attention[time] = dwindle_exp2(attention[time] - largest);
    for (int channel = 0; channel < DWINDLE_CHANNELS; channel++) {
        int64_t sum = 0;
        for (int time = 0; time < times; time++)
            sum += (int64_t)last[time * DWINDLE_CHANNELS + channel] * attention[time];
        embedding[channel] = (int16_t)((sum + total / 2) / total);
    }
}

int dwindle_hear(const int16_t *audio, int samples, int32_t *logits, int32_t *frames, int16_t *embedding)
{
    int count = dwindle_picture(audio, samples, map_a), times = (count + 1) / 2;
    if (!count)
        return 0;
    first_layer(map_a, count, times, map_b);
    separable(&dwindle_stem[0], &dwindle_stem[1], map_b, BANDS1, times, 2, NULL, map_a);
    separable(&dwindle_stem[2], &dwindle_stem[3], map_a, BANDS2, times, 1, NULL, map_b);
    separable(&dwindle_stem[4], &dwindle_stem[5], map_b, BANDS2, times, 1, map_a, map_a);
    across_bands(map_a, times, map_b);
    for (int block = 0; block < DWINDLE_BLOCKS; block++) {
        const dwindle_layer *layers = dwindle_trunk + 4 * block;
        separable(&layers[0], &layers[1], map_b, 1, times, 1, NULL, map_a);
        separable(&layers[2], &layers[3], map_a, 1, times, 1, map_b, map_b);
    }
    pool(map_b, times, embedding);
    read_out(&dwindle_word, embedding, logits);
    for (int time = 0; time < times; time++)
        read_out(&dwindle_spelling, map_b + time * DWINDLE_CHANNELS, frames + time * (DWINDLE_CLASSES + 1));
    return times;
}
