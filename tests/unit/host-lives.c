/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "fixture.h"
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

static unsigned count(const HostLives *lives, unsigned long request)
{
    unsigned n = lives->count(request);

    g_assert_cmpuint(n, >, 0);
    g_assert_cmpuint(n, <, PLACES_MAX);
    return n;
}

void host_lives_each(const HostLives *lives)
{
    unsigned n_lives = 0, whole = 0, step = fixture_scale() > 1 ? 1 : 3;

    for (size_t r = 0; r < lives->n_requests; r++) {
        unsigned n = count(lives, lives->requests[r]);

        for (unsigned at = 0; at < n; at++) {
            for (size_t e = at % step; e < HOST_ERRORS; e += step) {
                HostsimFailure failure = {
                    .call = HOSTSIM_IOCTL, .request = lives->requests[r],
                    .after = at, .times = 1, .error = host_errors[e],
                };

                whole += lives->live(&failure);
                n_lives++;
            }
        }
    }
    g_test_message("%u lives, %u of %u devices as good as new", n_lives,
                   whole, 2 * n_lives);
    g_assert_cmpuint(whole, >, n_lives);
}

void host_lives_from_then_on(const HostLives *lives)
{
    unsigned n = count(lives, 0);

    for (unsigned at = 0; at < n; at++) {
        HostsimFailure failure = {
            .call = HOSTSIM_IOCTL, .after = at,
            .error = host_errors[at % HOST_ERRORS],
        };

        lives->live(&failure);
    }
}
