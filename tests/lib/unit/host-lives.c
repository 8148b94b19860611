/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "host-lives.h"

/* The host is called less often than this in one life. */
#define PLACES_MAX  400

const int host_errors[HOST_ERRORS] = {
    EINVAL, ENOENT, EBUSY, ENOMEM, E2BIG, EIO, ENODEV, EBADF, EFAULT,
};

bool host_error_passes(int error)
{
    return error && error != ENODEV && error != EBADF;
}

/* --- A life -------------------------------------------------------------- */

void host_life_begin(HostLife *l, const HostLives *kind)
{
    *l = (HostLife) { .kind = kind };
    l->guest = kind->begin(&l->h);
}

void host_life_attach(HostLife *l, unsigned i)
{
    GError *error = NULL;

    l->attached[i] = host_open(l->h, i, &error) &&
                     viommu_attach_host(l->h->f->unit, l->kind->source[i],
                                        l->h->device[i], VIOMMU_NESTING_AUTO,
                                        &error);
    g_assert_cmpint(l->attached[i], ==, !error);
    if (error) {
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
        g_error_free(error);
    }
    l->kind->settle(l->guest);
}

void host_life_check(HostLife *l, unsigned i)
{
    if (l->attached[i] && !viommu_host_device_gone(l->h->device[i])) {
        host_enable(l->h, i);
        host_good(l->h, i, l->kind->pasid, HOST_VA, HOST_DATA);
        host_good(l->h, i, SM_NONE, HOST_VA, HOST_DATA);
    }
}

void host_life_end(HostLife *l)
{
    l->kind->end(l->guest);
}

/* From the connection to a second device.  Returns how many devices were left
 * without any error. */
static unsigned live(const HostLives *kind, const HostsimFailure *failure)
{
    unsigned whole = 0;
    HostLife l;

    host_life_begin(&l, kind);
    hostsim_fail(l.h->sim, failure);
    if (host_connect(l.h, NULL)) {
        host_life_attach(&l, 0);
        host_life_attach(&l, 1);
        kind->live(l.guest);
        hostsim_fail(l.h->sim, NULL);
        kind->recover(l.guest);
        for (unsigned i = 0; i < 2; i++) {
            host_life_check(&l, i);
            whole += l.attached[i] &&
                     !viommu_host_device_gone(l.h->device[i]);
        }
    }
    hostsim_fail(l.h->sim, NULL);
    host_life_end(&l);
    return whole;
}

/* How often a life without errors makes this call (0: any). */
static unsigned count(const HostLives *kind, unsigned long request)
{
    uint64_t n;
    HostLife l;

    host_life_begin(&l, kind);
    g_assert_true(host_connect(l.h, NULL));
    host_life_attach(&l, 0);
    host_life_attach(&l, 1);
    kind->live(l.guest);
    kind->recover(l.guest);
    host_life_check(&l, 0);
    host_life_check(&l, 1);
    n = request ? hostsim_ioctls(l.h->sim, request) : host_usage(l.h).ioctls;
    host_life_end(&l);
    g_assert_cmpuint(n, >, 0);
    g_assert_cmpuint(n, <, PLACES_MAX);
    return (unsigned)n;
}

/* --- Tests --------------------------------------------------------------- */

static void test_each(gconstpointer data)
{
    unsigned n_lives = 0, whole = 0, step = fixture_scale() > 1 ? 1 : 3;
    const HostLives *kind = data;

    for (size_t r = 0; r < kind->n_requests; r++) {
        unsigned n = count(kind, kind->requests[r]);

        for (unsigned at = 0; at < n; at++) {
            for (size_t e = at % step; e < HOST_ERRORS; e += step) {
                HostsimFailure failure = {
                    .call = HOSTSIM_IOCTL, .request = kind->requests[r],
                    .after = at, .times = 1, .error = host_errors[e],
                };

                whole += live(kind, &failure);
                n_lives++;
            }
        }
    }
    g_test_message("%u lives, %u of %u devices as good as new", n_lives,
                   whole, 2 * n_lives);
    g_assert_cmpuint(whole, >, n_lives);
}

static void test_from_then_on(gconstpointer data)
{
    const HostLives *kind = data;
    unsigned n = count(kind, 0);

    for (unsigned at = 0; at < n; at++) {
        HostsimFailure failure = {
            .call = HOSTSIM_IOCTL, .after = at,
            .error = host_errors[at % HOST_ERRORS],
        };

        live(kind, &failure);
    }
}

/* Files. */
static void test_open(gconstpointer data)
{
    static const HostsimCall calls[] = { HOSTSIM_OPEN, HOSTSIM_CLOSE };

    for (size_t c = 0; c < G_N_ELEMENTS(calls); c++) {
        for (unsigned at = 0; at < 3; at++) {
            HostsimFailure failure = {
                .call = calls[c], .after = at, .times = 1, .error = EIO,
            };

            live(data, &failure);
        }
    }
}

void host_lives_add(const char *name, const HostLives *kind)
{
    static const struct {
        const char *name;
        GTestDataFunc run;
    } tests[] = {
        { "each", test_each },
        { "from-then-on", test_from_then_on },
        { "open", test_open },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", name, tests[i].name);

        g_test_add_data_func(path, kind, tests[i].run);
    }
}
