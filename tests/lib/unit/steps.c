/* SPDX-License-Identifier: BSD-3-Clause */
#include "steps.h"

#include <glib.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NO_STEPS
#endif
#elif defined(__SANITIZE_THREAD__)
#define NO_STEPS
#endif
#if !defined(__x86_64__)
#define NO_STEPS
#endif

#ifdef NO_STEPS

bool steps_possible(void)
{
    return false;
}

bool steps_run(void (*act)(void *opaque), void (*at)(void *opaque),
               void *opaque, unsigned step)
{
    (void)act;
    (void)at;
    (void)opaque;
    (void)step;
    return false;
}

#else

#define TRAP_FLAG 0x100

static unsigned left;
static void (*what)(void *opaque);
static void *what_opaque;

/* After an instruction that began with the flag set. */
static void on_trap(int number, siginfo_t *info, void *context)
{
    ucontext_t *at = context;

    (void)number;
    (void)info;
    if (left && !--left) {
        at->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
        what(what_opaque);
    }
}

bool steps_possible(void)
{
    return true;
}

bool steps_run(void (*act)(void *opaque), void (*at)(void *opaque),
               void *opaque, unsigned step)
{
    struct sigaction action = { .sa_flags = SA_SIGINFO }, before;

    action.sa_sigaction = on_trap;
    g_assert_cmpint(sigaction(SIGTRAP, &action, &before), ==, 0);
    what = at;
    what_opaque = opaque;
    left = step;
    /* (beyond the red zone) */
    __asm__ volatile ("lea -128(%%rsp), %%rsp\n\t"
                      "pushfq\n\t"
                      "orq %0, (%%rsp)\n\t"
                      "popfq\n\t"
                      "lea 128(%%rsp), %%rsp"
                      : : "i" (TRAP_FLAG) : "memory", "cc");
    act(opaque);
    __asm__ volatile ("lea -128(%%rsp), %%rsp\n\t"
                      "pushfq\n\t"
                      "andq %0, (%%rsp)\n\t"
                      "popfq\n\t"
                      "lea 128(%%rsp), %%rsp"
                      : : "i" (~TRAP_FLAG) : "memory", "cc");
    g_assert_cmpint(sigaction(SIGTRAP, &before, NULL), ==, 0);
    return !left;
}

#endif
