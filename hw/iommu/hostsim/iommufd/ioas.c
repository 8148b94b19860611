/* SPDX-License-Identifier: BSD-3-Clause */
/* The ioctls of I/O address spaces. */
#include <errno.h>

#include "hw/iommu/hostsim/iommufd/ioas.h"

#define MAP_FLAGS (IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_WRITEABLE | \
                   IOMMUFD_MAP_READABLE)

/* A caller may ask for more, but gets it in pieces. */
#define ALLOWED_MAX 65536

static void ioas_destroy(SimObject *object)
{
    SimIoas *ioas = (SimIoas *)object;
    uint64_t unmapped;

    sim_area_unmap(ioas, 0, UINT64_MAX, &unmapped);
    g_ptr_array_unref(ioas->areas);
    g_array_unref(ioas->reserved);
    g_array_unref(ioas->allowed);
    g_ptr_array_unref(ioas->domains);
    g_ptr_array_unref(ioas->hwpts);
}

static const SimObjectOps ioas_object = { SIM_IOAS, ioas_destroy };

SimIoas *sim_ioas_new(SimContext *context)
{
    SimIoas *ioas = sim_object_new(context, sizeof(*ioas), &ioas_object);

    if (!ioas) {
        return NULL;
    }
    ioas->areas = g_ptr_array_new();
    ioas->reserved = g_array_new(FALSE, FALSE, sizeof(SimReserved));
    ioas->allowed = g_array_new(FALSE, FALSE, sizeof(SimReserved));
    ioas->domains = g_ptr_array_new();
    ioas->hwpts = g_ptr_array_new();
    ioas->alignment = 1;
    return ioas;
}

/* --- Domains and reserved ranges ----------------------------------------- */

static bool overlaps(const GArray *list, uint64_t first, uint64_t last)
{
    for (guint i = 0; i < list->len; i++) {
        const SimReserved *r = &g_array_index(list, SimReserved, i);

        if (r->first <= last && r->last >= first) {
            return true;
        }
    }
    return false;
}

int sim_ioas_reserve(SimIoas *ioas, uint64_t first, uint64_t last,
                     const void *owner)
{
    SimReserved reserved = { first, last, owner };
    const SimArea *area = sim_area_find(ioas, first, true);

    if ((area && area->iova <= last) ||
        overlaps(ioas->allowed, first, last)) {
        return -EADDRINUSE;
    }
    if (!sim_may_allocate(ioas->object.context->sim, sizeof(reserved))) {
        return -ENOMEM;
    }
    g_array_append_val(ioas->reserved, reserved);
    return 0;
}

void sim_ioas_unreserve(SimIoas *ioas, const void *owner)
{
    for (guint i = ioas->reserved->len; i--; ) {
        if (g_array_index(ioas->reserved, SimReserved, i).owner == owner) {
            g_array_remove_index_fast(ioas->reserved, i);
        }
    }
}

int sim_ioas_check_alignment(const SimIoas *ioas, uint64_t alignment)
{
    for (guint i = 0; i < ioas->areas->len; i++) {
        const SimArea *area = g_ptr_array_index(ioas->areas, i);
        uint64_t bits = area->iova | (area->last + 1) |
                        (area->start % SIM_PAGE);

        if (bits & (alignment - 1)) {
            return -EADDRINUSE;
        }
    }
    return 0;
}

int sim_ioas_add_domain(SimIoas *ioas, SimDomain *domain)
{
    int ret = sim_ioas_check_alignment(ioas, SIM_PAGE);
    guint i;

    if (!ret && domain->last != UINT64_MAX) {
        ret = sim_ioas_reserve(ioas, domain->last + 1, UINT64_MAX, domain);
    }
    if (ret) {
        return ret;
    }
    for (i = 0; i < ioas->areas->len; i++) {
        ret = sim_area_fill(ioas, g_ptr_array_index(ioas->areas, i), domain);
        if (ret) {
            while (i--) {
                sim_area_unfill(g_ptr_array_index(ioas->areas, i), domain);
            }
            sim_ioas_unreserve(ioas, domain);
            return ret;
        }
    }
    g_ptr_array_add(ioas->domains, domain);
    ioas->alignment = SIM_PAGE;
    return 0;
}

void sim_ioas_remove_domain(SimIoas *ioas, SimDomain *domain)
{
    for (guint i = 0; i < ioas->areas->len; i++) {
        sim_area_unfill(g_ptr_array_index(ioas->areas, i), domain);
    }
    g_ptr_array_remove(ioas->domains, domain);
    sim_ioas_unreserve(ioas, domain);
    if (!ioas->domains->len && !ioas->small_pages) {
        ioas->alignment = 1;
    }
}

/* --- ALLOC, IOVA_RANGES, ALLOW_IOVAS ------------------------------------- */

int sim_ioas_alloc(SimCommand *c)
{
    IommufdIoasAlloc *cmd = c->cmd;
    SimIoas *ioas;
    int ret;

    if (cmd->flags) {
        return -EOPNOTSUPP;
    }
    ioas = sim_ioas_new(c->context);
    if (!ioas) {
        return -ENOMEM;
    }
    cmd->out_ioas_id = ioas->object.id;
    ret = sim_respond(c, sizeof(*cmd));
    if (ret) {
        sim_object_abort(ioas);
        return ret;
    }
    sim_object_finish(ioas);
    return 0;
}

static gint compare_ranges(gconstpointer a, gconstpointer b)
{
    const SimReserved *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

/** The next range behind @at that is not reserved; false when there is none.
 *  The list is sorted, with overlaps. */
static bool next_hole(const GArray *reserved, uint64_t at,
                      IommufdIovaRange *hole)
{
    uint64_t end = UINT64_MAX;

    for (guint i = 0; i < reserved->len; i++) {
        const SimReserved *r = &g_array_index(reserved, SimReserved, i);

        if (r->first > at) {
            end = r->first - 1;
            break;
        }
        if (r->last >= at) {
            if (r->last == UINT64_MAX) {
                return false;
            }
            at = r->last + 1;
        }
    }
    *hole = (IommufdIovaRange) { at, end };
    return true;
}

GArray *sim_ioas_holes(SimIoas *ioas)
{
    GArray *holes = g_array_new(FALSE, FALSE, sizeof(IommufdIovaRange));
    IommufdIovaRange hole;
    uint64_t at = 0;

    g_array_sort(ioas->reserved, compare_ranges);
    while (next_hole(ioas->reserved, at, &hole)) {
        g_array_append_val(holes, hole);
        if (hole.last == UINT64_MAX) {
            break;
        }
        at = hole.last + 1;
    }
    return holes;
}

int sim_ioas_iova_ranges(SimCommand *c)
{
    IommufdIoasIovaRanges *cmd = c->cmd;
    uint32_t room = cmd->num_iovas;
    SimIoas *ioas;
    GArray *holes;
    int ret;

    if (cmd->reserved) {
        return -EOPNOTSUPP;
    }
    ioas = sim_object_get(c->context, cmd->ioas_id, SIM_IOAS);
    if (!ioas) {
        return -ENOENT;
    }
    holes = sim_ioas_holes(ioas);
    cmd->num_iovas = holes->len;
    cmd->out_iova_alignment = ioas->alignment;
    ret = sim_copy_out(sim_user_ptr(cmd->allowed_list), holes->data,
                       MIN(room, holes->len) * sizeof(IommufdIovaRange));
    g_array_unref(holes);
    if (!ret) {
        ret = sim_respond(c, sizeof(*cmd));
    }
    return !ret && cmd->num_iovas > room ? -EMSGSIZE : ret;
}

int sim_ioas_allow_iovas(SimCommand *c)
{
    IommufdIoasAllowIovas *cmd = c->cmd;
    SimIoas *ioas;
    GArray *list;
    int ret = 0;

    if (cmd->reserved) {
        return -EOPNOTSUPP;
    }
    ioas = sim_object_get(c->context, cmd->ioas_id, SIM_IOAS);
    if (!ioas) {
        return -ENOENT;
    }
    list = g_array_new(FALSE, FALSE, sizeof(SimReserved));
    for (uint32_t i = 0; !ret && i < cmd->num_iovas; i++) {
        IommufdIovaRange range;
        SimReserved allowed;

        ret = i < ALLOWED_MAX &&
              sim_may_allocate(c->context->sim, sizeof(allowed))
              ? sim_copy_in(&range, sim_user_ptr(cmd->allowed_list +
                                                 i * sizeof(range)),
                            sizeof(range)) : -ENOMEM;
        if (ret) {
            break;
        }
        if (range.start >= range.last ||
            overlaps(list, range.start, range.last)) {
            ret = -EINVAL;
        }
        allowed = (SimReserved) { range.start, range.last, NULL };
        g_array_append_val(list, allowed);
    }
    for (guint i = 0; !ret && i < list->len; i++) {
        const SimReserved *a = &g_array_index(list, SimReserved, i);

        if (overlaps(ioas->reserved, a->first, a->last)) {
            ret = -EADDRINUSE;
        }
    }
    if (ret) {
        g_array_unref(list);
        return ret;
    }
    g_array_sort(list, compare_ranges);
    g_array_unref(ioas->allowed);
    ioas->allowed = list;
    return 0;
}

/* --- MAP, MAP_FILE, COPY, UNMAP ------------------------------------------ */

static unsigned access_of(uint32_t flags)
{
    return (flags & IOMMUFD_MAP_READABLE ? VIOMMU_READ : 0) |
           (flags & IOMMUFD_MAP_WRITEABLE ? VIOMMU_WRITE : 0);
}

/* What both ways of mapping ask for, and the address space that is meant. */
static int map_target(SimCommand *c, uint32_t flags, uint64_t iova,
                      uint64_t length, uint32_t id, SimIoas **ioas)
{
    if (flags & ~MAP_FLAGS) {
        return -EOPNOTSUPP;
    }
    if (iova == UINT64_MAX || length == UINT64_MAX) {
        return -EOVERFLOW;
    }
    if (!access_of(flags)) {
        return -EINVAL;
    }
    *ioas = sim_object_get(c->context, id, SIM_IOAS);
    return *ioas ? 0 : -ENOENT;
}

int sim_ioas_map(SimCommand *c)
{
    IommufdIoasMap *cmd = c->cmd;
    SimIoas *ioas;
    SimPages *pages;
    int ret;

    if (cmd->reserved) {
        return -EOPNOTSUPP;
    }
    ret = map_target(c, cmd->flags, cmd->iova, cmd->length, cmd->ioas_id,
                     &ioas);
    if (ret) {
        return ret;
    }
    ret = sim_pages_new_user(c->context->sim, sim_user_ptr(cmd->user_va),
                             cmd->length, cmd->flags & IOMMUFD_MAP_WRITEABLE,
                             &pages);
    if (ret) {
        return ret;
    }
    ret = sim_area_map(ioas, pages, cmd->user_va % SIM_PAGE, cmd->length,
                       &cmd->iova, access_of(cmd->flags),
                       !(cmd->flags & IOMMUFD_MAP_FIXED_IOVA));
    sim_pages_unref(pages);
    return ret ? ret : sim_respond(c, sizeof(*cmd));
}

int sim_ioas_map_file(SimCommand *c)
{
    IommufdIoasMapFile *cmd = c->cmd;
    SimIoas *ioas;
    SimPages *pages;
    int ret;

    ret = map_target(c, cmd->flags, cmd->iova, cmd->length, cmd->ioas_id,
                     &ioas);
    if (ret) {
        return ret;
    }
    if (!cmd->length) {
        return -EINVAL;
    }
    if (cmd->length - 1 > UINT64_MAX - cmd->start) {
        return -EOVERFLOW;
    }
    ret = sim_pages_new_file(c->context->sim, cmd->fd, cmd->start,
                             cmd->length, cmd->flags & IOMMUFD_MAP_WRITEABLE,
                             &pages);
    if (ret) {
        return ret;
    }
    ret = sim_area_map(ioas, pages, cmd->start % SIM_PAGE, cmd->length,
                       &cmd->iova, access_of(cmd->flags),
                       !(cmd->flags & IOMMUFD_MAP_FIXED_IOVA));
    sim_pages_unref(pages);
    return ret ? ret : sim_respond(c, sizeof(*cmd));
}

/** What is mapped without a gap in a range, as areas with references. */
static int collect(const SimIoas *ioas, uint64_t iova, uint64_t size,
                   GArray *list)
{
    uint64_t last = iova + (size - 1);

    for (;;) {
        const SimArea *area = sim_area_find(ioas, iova, false);
        SimArea part;

        if (!area) {
            return -ENOENT;
        }
        if (!sim_may_allocate(ioas->object.context->sim, sizeof(part))) {
            return -ENOMEM;
        }
        part = *area;
        part.start += iova - area->iova;
        part.iova = iova;
        part.last = MIN(area->last, last);
        sim_pages_ref(part.pages);
        g_array_append_val(list, part);
        if (area->last >= last) {
            return 0;
        }
        iova = area->last + 1;
    }
}

/** All parts behind each other at *@iova; none of them after an error. */
static int map_parts(SimIoas *ioas, const GArray *list, uint64_t *iova,
                     uint64_t size, unsigned access, bool alloc)
{
    uint64_t at, unmapped;
    int ret;

    if (alloc) {
        /* place the whole by its first part */
        const SimArea *first = &g_array_index(list, SimArea, 0);

        ret = sim_area_place(ioas, first->pages, first->start, size, iova);
        if (ret) {
            return ret;
        }
    } else if (size - 1 > UINT64_MAX - *iova) {
        return -EOVERFLOW;
    }
    at = *iova;
    for (guint i = 0; i < list->len; i++) {
        const SimArea *part = &g_array_index(list, SimArea, i);

        ret = sim_area_map(ioas, part->pages, part->start,
                           part->last - part->iova + 1, &at, access, false);
        if (ret) {
            if (i) {
                sim_area_unmap(ioas, *iova, at - 1, &unmapped);
            }
            return ret;
        }
        at += part->last - part->iova + 1;
    }
    return 0;
}

int sim_ioas_copy(SimCommand *c)
{
    IommufdIoasCopy *cmd = c->cmd;
    SimIoas *from, *to;
    GArray *list;
    int ret;

    if (cmd->flags & ~MAP_FLAGS) {
        return -EOPNOTSUPP;
    }
    if (cmd->length == UINT64_MAX || cmd->src_iova == UINT64_MAX ||
        cmd->dst_iova == UINT64_MAX) {
        return -EOVERFLOW;
    }
    if (!access_of(cmd->flags)) {
        return -EINVAL;
    }
    from = sim_object_get(c->context, cmd->src_ioas_id, SIM_IOAS);
    if (!from) {
        return -ENOENT;
    }
    if (!cmd->length) {
        return -EINVAL;
    }
    if (cmd->length - 1 > UINT64_MAX - cmd->src_iova) {
        return -EOVERFLOW;
    }
    list = g_array_new(FALSE, FALSE, sizeof(SimArea));
    ret = collect(from, cmd->src_iova, cmd->length, list);
    if (!ret) {
        to = sim_object_get(c->context, cmd->dst_ioas_id, SIM_IOAS);
        ret = to ? map_parts(to, list, &cmd->dst_iova, cmd->length,
                             access_of(cmd->flags),
                             !(cmd->flags & IOMMUFD_MAP_FIXED_IOVA))
                 : -ENOENT;
    }
    for (guint i = 0; i < list->len; i++) {
        sim_pages_unref(g_array_index(list, SimArea, i).pages);
    }
    g_array_unref(list);
    return ret ? ret : sim_respond(c, sizeof(*cmd));
}

int sim_ioas_unmap(SimCommand *c)
{
    IommufdIoasUnmap *cmd = c->cmd;
    SimIoas *ioas = sim_object_get(c->context, cmd->ioas_id, SIM_IOAS);
    uint64_t unmapped = 0, last = UINT64_MAX;
    bool all = !cmd->iova && cmd->length == UINT64_MAX;
    int ret;

    if (!ioas) {
        return -ENOENT;
    }
    if (!all) {
        if (cmd->iova == UINT64_MAX || cmd->length == UINT64_MAX) {
            return -EOVERFLOW;
        }
        if (!cmd->length) {
            return -EINVAL;
        }
        if (cmd->length - 1 > UINT64_MAX - cmd->iova) {
            return -EOVERFLOW;
        }
        last = cmd->iova + (cmd->length - 1);
    }
    ret = sim_area_unmap(ioas, cmd->iova, last, &unmapped);
    if (!ret && !all && !unmapped) {
        ret = -ENOENT;
    }
    if (ret) {
        return ret;
    }
    cmd->length = unmapped;
    return sim_respond(c, sizeof(*cmd));
}
