/* SPDX-License-Identifier: BSD-3-Clause */
/* The caller's memory, with a kernel's care: what is not there is -EFAULT. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hw/iommu/hostsim/kernel/sim.h"

/*
 * Copy through a pipe, whose ends say EFAULT for what is not there.  For where
 * there are no calls for another process's memory: in a container that
 * forbids them, or under an emulator of user programs.
 */
static int copy_by_pipe(uint8_t *to, const uint8_t *from, size_t size)
{
    int end[2], ret = 0;

    if (pipe2(end, O_CLOEXEC)) {
        return -EFAULT;
    }
    while (size && !ret) {
        /* what a pipe takes without anybody at its other end */
        ssize_t n = MIN(size, PIPE_BUF);

        ret = write(end[1], from, n) == n && read(end[0], to, n) == n
              ? 0 : -EFAULT;
        to += n;
        from += n;
        size -= n;
    }
    close(end[0]);
    close(end[1]);
    return ret;
}

static int copy(void *to, const void *from, size_t size,
                ssize_t (*call)(pid_t pid, const struct iovec *local,
                                unsigned long locals,
                                const struct iovec *remote,
                                unsigned long remotes, unsigned long flags),
                const struct iovec *local, const struct iovec *remote)
{
    ssize_t n;

    if (!size) {
        return 0;
    }
    n = call(getpid(), local, 1, remote, 1, 0);
    if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
        return copy_by_pipe(to, from, size);
    }
    return n == (ssize_t)size ? 0 : -EFAULT;
}

int sim_copy_in(void *to, const void *user, size_t size)
{
    const struct iovec local = { to, size };
    const struct iovec remote = { (void *)(uintptr_t)user, size };

    return copy(to, user, size, process_vm_readv, &local, &remote);
}

int sim_copy_out(void *user, const void *from, size_t size)
{
    const struct iovec local = { (void *)(uintptr_t)from, size };
    const struct iovec remote = { user, size };

    return copy(user, from, size, process_vm_writev, &local, &remote);
}

int sim_user_is_zero(const void *user, size_t size)
{
    uint8_t buf[SIM_PAGE];

    while (size) {
        size_t n = MIN(size, sizeof(buf));
        int ret = sim_copy_in(buf, user, n);

        if (ret) {
            return ret;
        }
        for (size_t i = 0; i < n; i++) {
            if (buf[i]) {
                return 0;
            }
        }
        user = sim_user_at(user, n);
        size -= n;
    }
    return 1;
}

int sim_copy_struct(void *to, size_t size, size_t min, const void *user,
                    size_t user_size)
{
    int zero;

    memset(to, 0, size);
    if (user_size < min) {
        return -EINVAL;
    }
    if (user_size > size) {
        zero = sim_user_is_zero(sim_user_at(user, size), user_size - size);
        if (zero != 1) {
            return zero ? zero : -E2BIG;
        }
    }
    return sim_copy_in(to, user, MIN(size, user_size));
}

int sim_copy_data(void *to, size_t size, size_t min, const void *user,
                  size_t user_size)
{
    return user_size > size ? -EINVAL
                            : sim_copy_struct(to, size, min, user, user_size);
}
