/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: devices of the host (vfio-pci) whose DMA goes by the guest's
 * tables in the host's own IOMMU (hw/iommu/viommu-host.h), as the option
 * "nesting" of their unit wants.
 *
 * QEMU's VFIO code has bound the device to its iommufd and attached it to an
 * address space of its own.  It gets an empty one to follow, so that it has
 * nothing to map; the library then takes the device over, with guest RAM in a
 * parent of its own, and attaches it to what the guest's tables say.  With
 * nesting=off nothing of this happens: VFIO mirrors translations (shadow.c).
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/passthrough.h"
#include "exec/address-spaces.h"
#include "hw/pci/pci_device.h"
#include "hw/vfio/vfio-common.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "system/iommufd.h"

/* Who has no source-id yet is behind the unit with one from here on. */
#define UNNUMBERED  0x10000
#define NOWHERE     UINT32_MAX
#define FDS_FIRST   8       /* room for so many descriptors at first */

/* --- Connections --------------------------------------------------------- */

/* An iommufd with devices, and the guest's RAM in it. */
struct ViommuConnection {
    IOMMUFDBackend *backend;
    ViommuHost *host;
    MemoryListener listener;
    unsigned users;
    bool starting;
    int refused;                /* what the host said of some RAM, or 0 */
    GArray *fds;                /* int: descriptors that are watched */
    QEMUBH *again;              /* more reports than one call takes */
    QLIST_ENTRY(ViommuConnection) next;
};

static QLIST_HEAD(, ViommuConnection) connections =
    QLIST_HEAD_INITIALIZER(connections);

/* Pages of the host's. */
typedef struct Pages {
    hwaddr addr;
    uint64_t size;
    uint8_t *memory;
} Pages;

/*
 * Those of a section that devices may reach; none has no size.  What is
 * read-only, or memory of another device, is not.
 */
static Pages pages_of(const MemoryRegionSection *section)
{
    MemoryRegion *mr = section->mr;
    hwaddr first = section->offset_within_address_space;
    uint64_t page = qemu_real_host_page_size();
    uint64_t end = first + int128_get64(section->size);
    Pages pages = { .addr = ROUND_UP(first, page) };

    end = ROUND_DOWN(end, page);
    if (!memory_region_is_ram(mr) || memory_region_is_ram_device(mr) ||
        memory_region_is_protected(mr) || section->readonly ||
        mr->readonly || pages.addr >= end) {
        return pages;
    }
    pages.size = end - pages.addr;
    pages.memory = (uint8_t *)memory_region_get_ram_ptr(mr) +
                   section->offset_within_region + (pages.addr - first);
    return pages;
}

static void connection_region_add(MemoryListener *listener,
                                  MemoryRegionSection *section)
{
    ViommuConnection *c = container_of(listener, ViommuConnection, listener);
    Pages pages = pages_of(section);
    int ret = pages.size ? viommu_host_map(c->host, pages.addr, pages.size,
                                           pages.memory, false) : 0;

    if (!ret) {
        return;
    }
    if (!c->starting) {
        error_report("viommu: host devices do not reach guest memory at 0x%"
                     HWADDR_PRIx ": %s", pages.addr, strerror(-ret));
    }
    c->refused = ret;
}

static void connection_region_del(MemoryListener *listener,
                                  MemoryRegionSection *section)
{
    ViommuConnection *c = container_of(listener, ViommuConnection, listener);
    Pages pages = pages_of(section);

    if (pages.size) {
        viommu_host_unmap(c->host, pages.addr, pages.size);
    }
}

static void connection_watch(ViommuConnection *c);

static void connection_read(void *opaque)
{
    ViommuConnection *c = opaque;

    if (viommu_host_run(c->host)) {
        qemu_bh_schedule(c->again);     /* after others */
    }
    connection_watch(c);
}

/* Those that the host has now, however many: devices bring a few each. */
static GArray *connection_fds(ViommuConnection *c)
{
    GArray *fds = g_array_new(false, false, sizeof(int));
    g_autofree struct pollfd *all = NULL;
    unsigned room = FDS_FIRST, n;

    for (;;) {
        all = g_renew(struct pollfd, all, room);
        n = viommu_host_fds(c->host, all, room);
        if (n < room) {
            break;
        }
        room *= 2;
    }
    for (unsigned i = 0; i < n; i++) {
        g_array_append_val(fds, all[i].fd);
    }
    return fds;
}

static void connection_unwatch(ViommuConnection *c)
{
    for (unsigned i = 0; c->fds && i < c->fds->len; i++) {
        qemu_set_fd_handler(g_array_index(c->fds, int, i), NULL, NULL, NULL);
    }
    g_clear_pointer(&c->fds, g_array_unref);
}

/* The host's descriptors come and go with devices. */
static void connection_watch(ViommuConnection *c)
{
    GArray *fds = connection_fds(c);

    if (c->fds && c->fds->len == fds->len && fds->len &&
        !memcmp(c->fds->data, fds->data, fds->len * sizeof(int))) {
        g_array_unref(fds);
        return;
    }
    connection_unwatch(c);
    c->fds = fds;
    for (unsigned i = 0; i < fds->len; i++) {
        qemu_set_fd_handler(g_array_index(fds, int, i), connection_read, NULL,
                            c);
    }
}

static void connection_put(ViommuConnection *c)
{
    if (--c->users) {
        connection_watch(c);
        return;
    }
    connection_unwatch(c);
    qemu_bh_delete(c->again);
    memory_listener_unregister(&c->listener);
    viommu_host_free(c->host);
    iommufd_backend_disconnect(c->backend);
    ram_block_discard_disable(false);
    QLIST_REMOVE(c, next);
    g_free(c);
}

static ViommuConnection *connection_new(IOMMUFDBackend *backend,
                                        Error **errp)
{
    ViommuConnection *c;
    g_autoptr(GError) error = NULL;

    /* All of it is pinned, so nothing of it may be given back. */
    if (ram_block_discard_disable(true)) {
        error_setg(errp, "guest memory is to stay, for host devices, and to "
                   "be given back, for another one (virtio-mem?)");
        return NULL;
    }
    if (!iommufd_backend_connect(backend, errp)) {
        ram_block_discard_disable(false);
        return NULL;
    }
    c = g_new0(ViommuConnection, 1);
    c->backend = backend;
    c->host = viommu_host_iommufd_new(NULL, backend->fd, &error);
    if (!c->host) {
        error_setg(errp, "%s", error->message);
        iommufd_backend_disconnect(backend);
        ram_block_discard_disable(false);
        g_free(c);
        return NULL;
    }
    c->users = 1;
    c->again = qemu_bh_new(connection_read, c);
    c->listener = (MemoryListener) {
        .name = "viommu-host",
        .region_add = connection_region_add,
        .region_del = connection_region_del,
    };
    QLIST_INSERT_HEAD(&connections, c, next);
    c->starting = true;
    memory_listener_register(&c->listener, &address_space_memory);
    c->starting = false;
    if (c->refused) {
        error_setg_errno(errp, -c->refused, "the host does not take all of "
                         "guest memory (a limit of locked memory?)");
        connection_put(c);
        return NULL;
    }
    return c;
}

static ViommuConnection *connection_get(IOMMUFDBackend *backend,
                                        Error **errp)
{
    ViommuConnection *c;

    QLIST_FOREACH(c, &connections, next) {
        if (c->backend == backend) {
            c->users++;
            return c;
        }
    }
    return connection_new(backend, errp);
}

/* --- Where a device is --------------------------------------------------- */

static uint32_t source_of(const ViommuPassed *p)
{
    bool numbered = pci_bus_is_root(p->space->bus) || *p->space->bus_number;

    return numbered ? viommu_space_source(p->space)
                    : UNNUMBERED + p->number;
}

static bool passed_attach(ViommuPassed *p, Error **errp)
{
    ViommuGlue *glue = p->space->glue;
    g_autoptr(GError) error = NULL;
    uint32_t source = source_of(p);

    if (!viommu_attach_host(glue->unit, source, p->device,
                            glue->nesting == ON_OFF_AUTO_ON
                            ? VIOMMU_NESTING_ON : VIOMMU_NESTING_AUTO,
                            &error)) {
        error_setg(errp, "nesting=%s: %s",
                   OnOffAuto_str(glue->nesting), error->message);
        return false;
    }
    p->source = source;
    return true;
}

static void passed_detach(ViommuPassed *p)
{
    if (p->source != NOWHERE) {
        viommu_detach_host(p->space->glue->unit, p->source);
        p->source = NOWHERE;
    }
}

/*
 * The guest numbers buses as it likes.  Two with the same number cannot both
 * be right; who comes later waits, without DMA, until that has changed.
 */
void viommu_passed_follow(ViommuGlue *glue)
{
    bool moved = false;
    ViommuPassed *p;

    QLIST_FOREACH(p, &glue->passed, next) {
        uint32_t source = source_of(p);

        if (p->wanted != source) {
            passed_detach(p);
            p->wanted = source;
            moved = true;
        }
    }
    if (!moved) {
        return;
    }
    QLIST_FOREACH(p, &glue->passed, next) {
        if (p->source == NOWHERE) {
            passed_attach(p, NULL);
        }
    }
}

/* --- Devices come and go ------------------------------------------------- */

AddressSpace *viommu_vfio_address_space(PCIDevice *dev,
                                        IOMMUFDBackend *backend)
{
    static MemoryRegion root;
    static AddressSpace empty;
    ViommuSpace *space = viommu_space_of(dev);

    if (!space || !backend || space->glue->nesting == ON_OFF_AUTO_OFF) {
        return pci_device_iommu_address_space(dev);
    }
    if (!empty.root) {
        memory_region_init(&root, NULL, "viommu-vfio", UINT64_MAX);
        address_space_init(&empty, &root, "viommu-vfio");
    }
    return &empty;
}

static VFIODevice *vfio_of(HostIOMMUDevice *hiod)
{
    return object_dynamic_cast(OBJECT(hiod),
                               TYPE_HOST_IOMMU_DEVICE_IOMMUFD_VFIO)
           ? hiod->agent : NULL;
}

ViommuPassed *viommu_passed_find(ViommuGlue *glue, const PCIDevice *dev)
{
    ViommuPassed *p;

    QLIST_FOREACH(p, &glue->passed, next) {
        if (p->dev == dev) {
            return p;
        }
    }
    return NULL;
}

static void passed_free(ViommuPassed *p)
{
    passed_detach(p);
    viommu_host_device_free(p->device);
    connection_put(p->connection);
    g_free(p);
}

static bool passed_start(ViommuPassed *p, VFIODevice *vfio, Error **errp)
{
    g_autoptr(GError) error = NULL;

    p->device = viommu_host_device_adopt(p->connection->host, vfio->fd,
                                         vfio->devid, &error);
    if (!p->device) {
        error_setg(errp, "%s", error->message);
        return false;
    }
    p->wanted = source_of(p);
    return passed_attach(p, errp);
}

bool viommu_passed_add(ViommuGlue *glue, PCIDevice *dev,
                       HostIOMMUDevice *hiod, Error **errp)
{
    static unsigned number;
    VFIODevice *vfio = vfio_of(hiod);
    ViommuConnection *connection;
    ViommuPassed *p;

    if (glue->nesting == ON_OFF_AUTO_OFF ||
        (!vfio && glue->nesting == ON_OFF_AUTO_AUTO)) {
        return true;
    }
    if (!vfio) {
        error_setg(errp, "nesting=on: the device needs the option iommufd=");
        return false;
    }
    connection = connection_get(vfio->iommufd, errp);
    if (!connection) {
        return false;
    }
    p = g_new0(ViommuPassed, 1);
    p->connection = connection;
    p->dev = dev;
    p->source = NOWHERE;
    p->number = number++;
    p->space = viommu_space_of(dev);
    if (!passed_start(p, vfio, errp)) {
        passed_free(p);
        return false;
    }
    QLIST_INSERT_HEAD(&glue->passed, p, next);
    connection_watch(connection);
    return true;
}

void viommu_passed_remove(ViommuGlue *glue, const PCIDevice *dev)
{
    ViommuPassed *p = viommu_passed_find(glue, dev);

    if (p) {
        QLIST_REMOVE(p, next);
        passed_free(p);
    }
}
