/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest that writes anything into its tables, its queue and its registers,
 * with a host device behind the unit: the host sees no call that it refuses for
 * a reason of the unit's, each run ends, and what is bound stays bounded.
 */
#include <string.h>

#include "tests/lib/unit/host-world.h"

#define ROUNDS  60u

typedef struct Hostile {
    Host h;
    uint32_t seed;
} Hostile;

static uint32_t draw(Hostile *x, uint32_t below)
{
    x->seed = x->seed * 1664525 + 1013904223;
    return (x->seed >> 8) % below;
}

static uint64_t draw64(Hostile *x)
{
    uint64_t word = 0;

    for (unsigned i = 0; i < 4; i++) {
        word = word << 16 | draw(x, 0x10000);
    }
    /* an address in RAM, now and then one beside it */
    switch (draw(x, 4)) {
    case 0:
        return word;
    case 1:
        return word & SPEC_BITS(25, 0);
    default:
        return (word & SPEC_BITS(25, 12)) | draw(x, 16);
    }
}

/* One of the tables that the unit reads, or what an entry points at. */
static uint64_t some_place(Hostile *x)
{
    Scalable *s = x->h.s;

    switch (draw(x, 6)) {
    case 0:
        return s->root + (SM_SOURCE >> 8) * 16 + draw(x, 2) * 8;
    case 1:
        return s->dir + draw(x, 80) * 8;
    case 2:
        return guest_pasid_addr(s->alloc, s->dir, draw(x, 2) ? PRI_PASID : 0) +
               draw(x, 8) * 8;
    case 3:
        return s->fs.table + draw(x, 512) * 8;
    case 4:
        return s->ss + draw(x, 512) * 8;
    default:
        return guest_fs_entry(&s->fs, s->alloc, HOST_VA, 1 + draw(x, 4),
                              false);
    }
}

static void some_command(Hostile *x)
{
    GuestQueue *queue = x->h.s->queue;
    uint32_t pasid = draw(x, 2) ? PRI_PASID : draw(x, 1 << 20);

    switch (draw(x, 8)) {
    case 0:
        guest_queue_context(queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
        break;
    case 1:
        guest_queue_context(queue, SPEC_GRAN_DEVICE, 0, SM_SOURCE,
                            draw(x, 4));
        break;
    case 2:
        guest_queue_pasid_cache(queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
        break;
    case 3:
        guest_queue_pasid_cache(queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                                pasid);
        break;
    case 4:
        guest_queue_piotlb(queue, SPEC_GRAN_PAGE, SM_DOMAIN, pasid,
                           draw64(x) & ~SPEC_BITS(11, 0), draw(x, 64),
                           draw(x, 2));
        break;
    case 5:
        guest_queue_iotlb(queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
        break;
    case 6:
        guest_queue_pdevtlb(queue, SM_SOURCE, pasid, draw(x, 2),
                            draw64(x) & ~SPEC_BITS(11, 0), HOST_PAGE);
        break;
    default:
        guest_queue_page_response(queue, SM_SOURCE, pasid, draw(x, 512),
                                  draw(x, 16));
        break;
    }
}

static void some_register(Hostile *x)
{
    const GuestRegs *regs = &x->h.f->regs;

    switch (draw(x, 6)) {
    case 0:
        guest_command(regs, 0, SPEC_GCMD_TE);
        guest_command(regs, SPEC_GCMD_TE, 0);
        break;
    case 1:
        guest_set_root(regs, x->h.s->root |
                       (uint64_t)draw(x, 4) << SPEC_RTADDR_TTM_SHIFT);
        break;
    case 2:
        viommu_reset(x->h.f->unit);
        guest_queue_init_wide(x->h.s->queue, x->h.s->alloc, regs, 0);
        guest_command(regs, SPEC_GCMD_TE, 0);
        break;
    default:
        break;
    }
    guest_set_root(regs, x->h.s->root | (uint64_t)SPEC_TTM_SCALABLE <<
                   SPEC_RTADDR_TTM_SHIFT);
}

/* Until the queue has come to its end, whatever its errors. */
static void drain(Hostile *x)
{
    const GuestRegs *regs = &x->h.f->regs;

    guest_queue_push_wide(x->h.s->queue, (uint64_t[4]) { SPEC_INV_WAIT });
    guest_queue_ring(x->h.s->queue);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t fsts;

        fixture_run(x->h.f);
        fsts = guest_reg32(regs, SPEC_FSTS);
        if (guest_reg64(regs, SPEC_IQH) == guest_reg64(regs, SPEC_IQT)) {
            break;
        }
        /* a descriptor that is not good stays: step over it */
        if (fsts & SPEC_FSTS_IQE) {
            guest_write64(&x->h.f->mem, x->h.s->queue->addr +
                          guest_reg64(regs, SPEC_IQH), SPEC_INV_WAIT);
        }
        guest_set_reg32(regs, SPEC_FSTS, 0xff);
    }
    guest_set_reg32(regs, SPEC_FSTS, 0xff);
    g_assert_cmphex(guest_reg64(regs, SPEC_IQH), ==,
                    guest_reg64(regs, SPEC_IQT));
}

static void test_hostile(void)
{
    Hostile *x = g_new0(Hostile, 1);
    Host *h = &x->h;

    x->seed = g_test_rand_int();
    host_start(h);
    for (unsigned i = 0; i < ROUNDS * fixture_scale(); i++) {
        for (unsigned k = draw(x, 4); k > 0; k--) {
            uint64_t at = some_place(x);

            if (at) {
                guest_write64(&h->f->mem, at, draw64(x));
            }
        }
        for (unsigned k = draw(x, 6); k > 0; k--) {
            some_command(x);
        }
        if (!draw(x, 8)) {
            some_register(x);
        }
        drain(x);
        host_read(h, 0, draw(x, 2) ? PRI_PASID : SM_NONE, draw64(x));
        host_run(h);
        g_assert_cmpuint(host_usage(h).bound, <=, 4096);
        if (!draw(x, 6)) {
            /* and then it is a good guest for a moment */
            h->s->root = guest_root_new(h->s->alloc);
            h->s->dir = guest_pasid_dir_new(h->s->alloc, SM_PDTS);
            h->s->ctx[0] = h->s->dir | SPEC_SM_CTX_P | SPEC_SM_CTX_PASIDE |
                           SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE |
                           SM_PDTS << SPEC_SM_CTX_PDTS_SHIFT;
            scalable_put_context(h->s);
            g_assert_true(guest_fs_init(&h->s->fs, h->s->alloc, 4, 0));
            h->s->entry.fs = h->s->fs.table;
            h->s->entry.pgtt = (uint8_t)(draw(x, 2) ? SPEC_PGTT_FIRST
                                                    : SPEC_PGTT_NESTED);
            scalable_put_pasid(h->s, 0);
            scalable_put_pasid(h->s, PRI_PASID);
            scalable_map(h->s, HOST_VA, HOST_DATA, 1);
            guest_set_root(&h->f->regs, h->s->root |
                           (uint64_t)SPEC_TTM_SCALABLE <<
                           SPEC_RTADDR_TTM_SHIFT);
            guest_queue_context(h->s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
            guest_queue_iotlb(h->s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
            drain(x);
            if (h->s->entry.pgtt == SPEC_PGTT_FIRST) {
                host_good(h, 0, PRI_PASID, HOST_VA, HOST_DATA);
                host_good(h, 0, SM_NONE, HOST_VA, HOST_DATA);
            }
        }
    }
    g_assert_false(viommu_host_device_gone(h->device[0]));
    host_end(h);
    g_free(x);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-hostile/hostile", test_hostile);
    return g_test_run();
}
