/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>

#include "hw/iommu/common/regs.h"

void viommu_regs_init(ViommuRegFile *file, const ViommuReg *table, size_t n)
{
    file->n = n;
    file->table = g_memdup2(table, n * sizeof(*table));
    file->values = g_new0(uint64_t, n);
}

void viommu_regs_destroy(ViommuRegFile *file)
{
    g_free(file->table);
    g_free(file->values);
}

void viommu_regs_reset(ViommuRegFile *file)
{
    for (size_t i = 0; i < file->n; i++) {
        file->values[i] = file->table[i].reset;
    }
}

/* The first register that ends behind @offset. */
static size_t first_touched(const ViommuRegFile *file, uint64_t offset)
{
    size_t low = 0, high = file->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const ViommuReg *r = &file->table[mid];

        if ((uint64_t)r->offset + r->width <= offset) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* Byte @i of the access is byte @i + offset - r->offset of the register. */
static uint64_t shift_bytes(uint64_t value, int bytes)
{
    if (bytes <= -8 || bytes >= 8) {
        return 0;
    }
    return bytes < 0 ? value >> (-bytes * 8) : value << (bytes * 8);
}

static uint64_t bytes_mask(unsigned bytes)
{
    return UINT64_MAX >> (64 - 8 * bytes);
}

uint64_t viommu_regs_read(const ViommuRegFile *file, uint64_t offset,
                          unsigned size, bool *hit)
{
    uint64_t value = 0;

    *hit = false;
    for (size_t i = first_touched(file, offset);
         i < file->n && file->table[i].offset < offset + size; i++) {
        const ViommuReg *r = &file->table[i];
        int distance = (int64_t)r->offset - (int64_t)offset;

        value |= shift_bytes(file->values[i] & ~r->reads_zero, distance);
        *hit = true;
    }
    return value & bytes_mask(size);
}

bool viommu_regs_write(ViommuRegFile *file, Viommu *unit, uint64_t offset,
                       uint64_t value, unsigned size)
{
    bool hit = false;

    value &= bytes_mask(size);
    for (size_t i = first_touched(file, offset);
         i < file->n && file->table[i].offset < offset + size; i++) {
        const ViommuReg *r = &file->table[i];
        int distance = (int64_t)offset - (int64_t)r->offset;
        uint64_t mask = shift_bytes(bytes_mask(size), distance) &
                        bytes_mask(r->width);
        uint64_t data = shift_bytes(value, distance) & mask;
        uint64_t writable = r->writable & mask;
        uint64_t old = file->values[i];

        file->values[i] = ((old & ~writable) | (data & writable)) &
                          ~(data & r->write1_clear);
        if (r->written) {
            r->written(unit, old, mask);
        }
        hit = true;
    }
    return hit;
}

void viommu_regs_legalise(const ViommuRegFile *file, uint64_t *values)
{
    for (size_t i = 0; i < file->n; i++) {
        const ViommuReg *r = &file->table[i];
        uint64_t kept = (r->writable | r->write1_clear | r->own) &
                        bytes_mask(r->width);

        values[i] = (values[i] & kept) | (r->reset & ~kept);
    }
}

void viommu_regs_dump(const ViommuRegFile *file, GString *out)
{
    for (size_t i = 0; i < file->n; i++) {
        const ViommuReg *r = &file->table[i];

        g_string_append_printf(out, "%04x %-10s %0*" PRIx64 "\n", r->offset,
                               r->name, r->width * 2, file->values[i]);
    }
}
