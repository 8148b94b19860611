/* SPDX-License-Identifier: BSD-3-Clause */
#include "overtaken.h"

#include <string.h>

static int outside_read(Fixture *f, uint64_t addr, void *buf, size_t size)
{
    Scene *s = f->outside_opaque;
    uint64_t index = (addr - OUTSIDE) / 8;

    if (addr < OUTSIDE || size % 8 || index + size / 8 > 512) {
        return -1;
    }
    for (size_t i = 0; i < size / 8; i++) {
        uint64_t word = GUINT64_TO_LE(__atomic_load_n(&s->words[index + i],
                                                      __ATOMIC_ACQUIRE));
        memcpy((uint8_t *)buf + 8 * i, &word, 8);
    }
    if (__atomic_load_n(&s->hold, __ATOMIC_ACQUIRE) == addr) {
        __atomic_store_n(&s->hold, 0, __ATOMIC_RELEASE);
        g_atomic_int_set(&s->held, 1);
        while (!g_atomic_int_get(&s->release)) {
            g_usleep(50);
        }
    }
    return 0;
}

static void *walker_main(void *opaque)
{
    Scene *s = opaque;

    s->act(s);
    return NULL;
}

static void *control_main(void *opaque)
{
    Scene *s = opaque;

    g_atomic_int_set(&s->begun, 1);
    s->invalidate(s);
    g_atomic_int_set(&s->done, 1);
    return NULL;
}

void scene_init(Scene *s, Fixture *f)
{
    s->f = f;
    f->outside_read = outside_read;
    f->outside_opaque = s;
}

void overtake(Scene *s, uint64_t addr, uint64_t after)
{
    GThread *walker, *control;

    s->held = s->release = s->begun = s->done = 0;
    __atomic_store_n(&s->hold, addr, __ATOMIC_RELEASE);
    walker = g_thread_new("walker", walker_main, s);
    while (!g_atomic_int_get(&s->held)) {
        g_usleep(50);
    }
    s->change(s);
    control = g_thread_new("control", control_main, s);
    while (!g_atomic_int_get(&s->begun)) {
        g_usleep(50);
    }
    /* long enough to be through, but for waiting for the walker */
    g_usleep(20000);
    g_atomic_int_set(&s->release, 1);
    g_thread_join(walker);
    g_thread_join(control);
    g_assert_true(g_atomic_int_get(&s->done));
    s->act(s);
    g_assert_cmphex(s->result, ==, after);
    s->act(s);
    g_assert_cmphex(s->result, ==, after);
}
