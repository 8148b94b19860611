/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: DMA of iothreads, which do not hold the BQL.
 *
 * What is translated under the BQL is used before it is released, so that no
 * command of the guest comes between.  An iothread's use is a critical section
 * of QEMU's RCU.  Nothing of ours runs at its end, and the command cannot wait
 * for it where it is: the iothread may be waiting for the BQL itself, when its
 * DMA goes to a device.  So the command is put off, and each look here tells
 * whether the threads that were translating at the first look have done so
 * since.
 *
 * What is guaranteed: when the guest sees an invalidation complete, no thread
 * makes an access any more with a translation that it was given before, and
 * no translation is found any more that the guest has invalidated.  There are
 * two exceptions, as with each IOMMU of QEMU.  A device that maps a buffer
 * for the length of a request (address_space_map()) uses it to the request's
 * end; drivers invalidate after that.  And a thread whose DMA has passed
 * through without translation since QEMU started is not known here.
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/common.h"
#include "block/aio.h"
#include "qemu/main-loop.h"
#include "qemu/notify.h"
#include "qemu/rcu.h"
#include "qemu/thread.h"

typedef struct ViommuThread {
    const unsigned long *section;    /* of QEMU's RCU: 0 when it is in none */
    unsigned translations;      /* that it has begun */
    /* the rest under the BQL, but for the list itself */
    unsigned seen;
    bool waited_for;
    Notifier exit;
    QLIST_ENTRY(ViommuThread) next;
} ViommuThread;

static __thread ViommuThread this_thread;
__thread ViommuThreadKind viommu_thread_kind;

static QLIST_HEAD(, ViommuThread) threads = QLIST_HEAD_INITIALIZER(threads);
static QemuMutex threads_lock;

static void __attribute__((constructor)) threads_init(void)
{
    qemu_mutex_init(&threads_lock);
}

static void thread_exit(Notifier *notifier, void *unused)
{
    ViommuThread *thread = container_of(notifier, ViommuThread, exit);

    qemu_mutex_lock(&threads_lock);
    QLIST_REMOVE(thread, next);
    qemu_mutex_unlock(&threads_lock);
}

/*
 * Threads that translate under the BQL are those whose own event loop is the
 * main one, or that have none, as vCPUs.
 */
static void thread_classify(void)
{
    ViommuThread *thread = &this_thread;

    if (qemu_get_current_aio_context() == qemu_get_aio_context()) {
        viommu_thread_kind = VIOMMU_THREAD_BQL;
        return;
    }
    viommu_thread_kind = VIOMMU_THREAD_FREE;
    thread->section = &get_ptr_rcu_reader()->ctr;
    thread->exit.notify = thread_exit;
    qemu_thread_atexit_add(&thread->exit);
    qemu_mutex_lock(&threads_lock);
    QLIST_INSERT_HEAD(&threads, thread, next);
    qemu_mutex_unlock(&threads_lock);
}

void viommu_thread_translates_slowly(void)
{
    if (viommu_thread_kind == VIOMMU_THREAD_UNKNOWN) {
        thread_classify();
    }
    if (viommu_thread_kind == VIOMMU_THREAD_FREE) {
        /* after the last access, and before the look at what is cached */
        qatomic_store_release(&this_thread.translations,
                              this_thread.translations + 1);
        smp_mb();
    }
}

void viommu_threads_forget(ViommuGlue *glue)
{
    glue->waits_for_threads = false;
}

bool viommu_threads_drained(ViommuGlue *glue)
{
    bool first = !glue->waits_for_threads, drained = true;
    ViommuThread *thread;

    /* after the translations were invalidated */
    smp_mb();
    qemu_mutex_lock(&threads_lock);
    QLIST_FOREACH(thread, &threads, next) {
        unsigned translations = qatomic_load_acquire(&thread->translations);
        bool active = qatomic_load_acquire(thread->section);

        if (first) {
            thread->seen = translations;
            thread->waited_for = active;
        } else if (!active || translations != thread->seen) {
            thread->waited_for = false;
        }
        drained &= !thread->waited_for;
    }
    qemu_mutex_unlock(&threads_lock);
    glue->waits_for_threads = !drained;
    return drained;
}
