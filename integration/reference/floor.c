/* What no agent can avoid, and nothing else: decompress each member of the input; with a second file, also compress
 * each of its pieces at the level that the agent uses. A file is a row of pieces, each behind its length (4 bytes,
 * little end first).
 *
 * floor COMPRESSED [PLAIN]
 */
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 64 << 20, LEVEL = 6 };

static unsigned char *piece(FILE *file, size_t *count) {
    unsigned char prefix[4];
    if (fread(prefix, 1, 4, file) != 4) return NULL;
    *count = prefix[0] | prefix[1] << 8 | prefix[2] << 16 | (size_t)prefix[3] << 24;
    unsigned char *bytes = malloc(*count + 1);
    if (!bytes || fread(bytes, 1, *count, file) != *count) exit(1);
    return bytes;
}

int main(int argc, char **argv) {
    unsigned char *output = malloc(LARGEST);
    size_t count, total = 0;
    FILE *compressed = argc > 1 ? fopen(argv[1], "rb") : NULL;
    if (!compressed || !output) return 1;
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    for (unsigned char *bytes; (bytes = piece(compressed, &count)); free(bytes)) {
        size_t written;
        if (libdeflate_gzip_decompress(decompressor, bytes, count, output, LARGEST, &written)) return 1;
        total += written;
    }
    if (argc > 2) {
        FILE *plain = fopen(argv[2], "rb");
        if (!plain) return 1;
        struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(LEVEL);
        for (unsigned char *bytes; (bytes = piece(plain, &count)); free(bytes))
            total += libdeflate_gzip_compress(compressor, bytes, count, output, LARGEST);
    }
    printf("%zu\n", total);
    return 0;
}
