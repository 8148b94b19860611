/* SPDX-License-Identifier: BSD-3-Clause */
/* The caller's memory, with a kernel's care: what is not there is -EFAULT. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hw/iommu/hostsim/sim.h"

int sim_copy_in(void *to, const void *user, size_t size)
{
    struct iovec local = { to, size };
    struct iovec remote = { (void *)(uintptr_t)user, size };

    if (!size) {
        return 0;
    }
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) ==
           (ssize_t)size ? 0 : -EFAULT;
}

int sim_copy_out(void *user, const void *from, size_t size)
{
    struct iovec local = { (void *)(uintptr_t)from, size };
    struct iovec remote = { user, size };

    if (!size) {
        return 0;
    }
    return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) ==
           (ssize_t)size ? 0 : -EFAULT;
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
