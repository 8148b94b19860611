/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "hw/iommu/common/sorted.h"
#include "hw/iommu/host/unit/pieces.h"

#define CHUNK   255

#define PAGE_SHIFT  12
#define SIZE_LOW    24      /* bits of the size beside to, ... */
#define SIZE_HIGH   17      /* ... and beside first */

/*
 * word[0]: first / 4096 (45 bits), high bits of the size (17), access (2)
 * word[1]: to / 4096 (40 bits), low bits of the size (24)
 * The size is one less than the number of pages.
 */
typedef struct Packed {
    uint64_t word[2];
} Packed;

typedef struct Chunk {
    unsigned n;             /* at least 1 */
    Packed piece[CHUNK];
} Chunk;

struct ViommuPieces {
    GPtrArray *chunks;      /* Chunk, by their first pieces */
    uint64_t n;             /* pieces */
};

static Packed pack(const ViommuPiece *piece)
{
    uint64_t size = (piece->last - piece->first) >> PAGE_SHIFT;

    return (Packed) { {
        piece->first >> PAGE_SHIFT << (SIZE_HIGH + 2) |
        size >> SIZE_LOW << 2 | (piece->access & 3),
        piece->to >> PAGE_SHIFT << SIZE_LOW |
        (size & ((UINT64_C(1) << SIZE_LOW) - 1)),
    } };
}

static uint64_t first_of(const Packed *packed)
{
    return packed->word[0] >> (SIZE_HIGH + 2) << PAGE_SHIFT;
}

static ViommuPiece unpack(const Packed *packed)
{
    uint64_t high = packed->word[0] >> 2 & ((UINT64_C(1) << SIZE_HIGH) - 1);
    uint64_t low = packed->word[1] & ((UINT64_C(1) << SIZE_LOW) - 1);
    uint64_t size = (high << SIZE_LOW | low) << PAGE_SHIFT;
    uint64_t first = first_of(packed);

    return (ViommuPiece) {
        .first = first,
        .last = first + size + ((UINT64_C(1) << PAGE_SHIFT) - 1),
        .to = packed->word[1] >> SIZE_LOW << PAGE_SHIFT,
        .access = packed->word[0] & 3,
    };
}

static Chunk *nth(const ViommuPieces *pieces, guint i)
{
    return g_ptr_array_index(pieces->chunks, i);
}

ViommuPieces *viommu_pieces_new(void)
{
    ViommuPieces *pieces = g_new0(ViommuPieces, 1);

    pieces->chunks = g_ptr_array_new_with_free_func(g_free);
    return pieces;
}

void viommu_pieces_free(ViommuPieces *pieces)
{
    g_ptr_array_unref(pieces->chunks);
    g_free(pieces);
}

uint64_t viommu_pieces_count(const ViommuPieces *pieces)
{
    return pieces->n;
}

void viommu_pieces_clear(ViommuPieces *pieces)
{
    g_ptr_array_set_size(pieces->chunks, 0);
    pieces->n = 0;
}

static bool chunk_begins(const void *pieces, size_t i, uint64_t addr)
{
    return first_of(&nth(pieces, i)->piece[0]) <= addr;
}

/* The last chunk that begins at or before @addr, or the first one. */
static guint chunk_of(const ViommuPieces *pieces, uint64_t addr)
{
    guint n = viommu_sorted_position(pieces, pieces->chunks->len, addr,
                                     chunk_begins);

    return n ? n - 1 : 0;
}

static bool piece_begins(const void *chunk, size_t i, uint64_t addr)
{
    return first_of(&((const Chunk *)chunk)->piece[i]) <= addr;
}

/* How many pieces of the chunk begin at or before @addr. */
static unsigned place_in(const Chunk *chunk, uint64_t addr)
{
    return viommu_sorted_position(chunk, chunk->n, addr, piece_begins);
}

bool viommu_pieces_find(const ViommuPieces *pieces, uint64_t first,
                        uint64_t last, ViommuPiece *piece)
{
    const Chunk *chunk;
    unsigned at;
    guint c;

    if (!pieces->chunks->len) {
        return false;
    }
    c = chunk_of(pieces, first);
    chunk = nth(pieces, c);
    at = place_in(chunk, first);
    if (at) {
        *piece = unpack(&chunk->piece[at - 1]);
        if (piece->last >= first) {
            return true;
        }
    }
    if (at == chunk->n) {
        if (++c == pieces->chunks->len) {
            return false;
        }
        chunk = nth(pieces, c);
        at = 0;
    }
    *piece = unpack(&chunk->piece[at]);
    return piece->first <= last;
}

/* Room behind chunk @c, which is full: half of it, or nothing of the last one,
 * since most of them come in order. */
static void split(ViommuPieces *pieces, guint c, unsigned at)
{
    Chunk *chunk = nth(pieces, c), *new = g_new(Chunk, 1);
    bool end = at == CHUNK && c + 1 == pieces->chunks->len;
    unsigned keep = end ? CHUNK - 1 : CHUNK / 2;

    new->n = CHUNK - keep;
    memcpy(new->piece, chunk->piece + keep, new->n * sizeof(Packed));
    chunk->n = keep;
    g_ptr_array_insert(pieces->chunks, (gint)c + 1, new);
}

void viommu_pieces_add(ViommuPieces *pieces, const ViommuPiece *piece)
{
    Chunk *chunk;
    unsigned at;
    guint c;

    if (!pieces->chunks->len) {
        g_ptr_array_add(pieces->chunks, g_new0(Chunk, 1));
    }
    c = chunk_of(pieces, piece->first);
    chunk = nth(pieces, c);
    if (chunk->n == CHUNK) {
        split(pieces, c, place_in(chunk, piece->first));
        c = chunk_of(pieces, piece->first);
        chunk = nth(pieces, c);
    }
    at = place_in(chunk, piece->first);
    memmove(chunk->piece + at + 1, chunk->piece + at,
            (chunk->n - at) * sizeof(Packed));
    chunk->piece[at] = pack(piece);
    chunk->n++;
    pieces->n++;
}

/* Put chunks @c and @c + 1 together, if that leaves room. */
static void join(ViommuPieces *pieces, guint c)
{
    Chunk *chunk, *next;

    if (c + 1 >= pieces->chunks->len) {
        return;
    }
    chunk = nth(pieces, c);
    next = nth(pieces, c + 1);
    if (chunk->n + next->n <= CHUNK * 3 / 4) {
        memcpy(chunk->piece + chunk->n, next->piece,
               next->n * sizeof(Packed));
        chunk->n += next->n;
        g_ptr_array_remove_index(pieces->chunks, c + 1);
    }
}

void viommu_pieces_remove(ViommuPieces *pieces, uint64_t first)
{
    guint c = chunk_of(pieces, first);
    Chunk *chunk = nth(pieces, c);
    unsigned at = place_in(chunk, first);

    memmove(chunk->piece + at - 1, chunk->piece + at,
            (chunk->n - at) * sizeof(Packed));
    pieces->n--;
    if (!--chunk->n) {
        g_ptr_array_remove_index(pieces->chunks, c);
        return;
    }
    join(pieces, c);
    if (c) {
        join(pieces, c - 1);
    }
}
