/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "hw/iommu/hostsim/iommufd/objects.h"

static SimObject tombstone;

SimContext *sim_context_new(Hostsim *sim)
{
    SimContext *context = sim_alloc(sim, sizeof(*context));

    if (!context) {
        return NULL;
    }
    context->sim = sim;
    context->objects = g_ptr_array_new();
    context->groups = g_ptr_array_new();
    g_ptr_array_add(sim->contexts, context);
    return context;
}

static SimObject **slot(SimContext *context, uint32_t id)
{
    return (SimObject **)&g_ptr_array_index(context->objects, id - 1);
}

/** Out of the table and gone. */
static void erase(SimObject *object, SimObject *in_its_place)
{
    *slot(object->context, object->id) = in_its_place;
    if (object->context->vfio_ioas == object->id) {
        object->context->vfio_ioas = 0;
    }
    object->ops->destroy(object);
    g_free(object);
}

void sim_context_free(SimContext *context)
{
    bool progress = true;

    /* each round destroys at least the leaves, so it ends */
    while (progress) {
        progress = false;
        for (guint i = 0; i < context->objects->len; i++) {
            SimObject *object = g_ptr_array_index(context->objects, i);

            if (object && object != &tombstone && object->users == 1) {
                erase(object, NULL);
                progress = true;
            }
        }
    }
    g_ptr_array_remove(context->sim->contexts, context);
    g_ptr_array_unref(context->objects);
    g_ptr_array_unref(context->groups);
    g_free(context);
}

unsigned sim_context_objects(const SimContext *context)
{
    unsigned n = 0;

    for (guint i = 0; i < context->objects->len; i++) {
        const SimObject *object = g_ptr_array_index(context->objects, i);

        n += object && object != &tombstone;
    }
    return n;
}

void *sim_object_new(SimContext *context, size_t size,
                     const SimObjectOps *ops)
{
    SimObject *object = sim_alloc(context->sim, size);
    guint i;

    if (!object) {
        return NULL;
    }
    object->context = context;
    object->ops = ops;
    object->users = 1;
    for (i = 0; i < context->objects->len; i++) {
        if (!g_ptr_array_index(context->objects, i)) {
            break;
        }
    }
    if (i == context->objects->len) {
        g_ptr_array_add(context->objects, NULL);
    }
    object->id = i + 1;
    *slot(context, object->id) = object;
    return object;
}

void sim_object_finish(void *object)
{
    ((SimObject *)object)->finished = true;
}

void sim_object_abort(void *object)
{
    erase(object, NULL);
}

static SimObject *find(SimContext *context, uint32_t id)
{
    SimObject *object;

    if (!id || id > context->objects->len) {
        return NULL;
    }
    object = *slot(context, id);
    return object && object != &tombstone && object->finished ? object : NULL;
}

void *sim_object_get(SimContext *context, uint32_t id, SimObjectType type)
{
    SimObject *object = find(context, id);

    return object && (type == SIM_ANY || object->ops->type == type) ? object
                                                                    : NULL;
}

int sim_object_destroy(SimContext *context, uint32_t id)
{
    SimObject *object = find(context, id);

    if (!object) {
        return -ENOENT;
    }
    if (object->users > 1) {
        return -EBUSY;
    }
    erase(object, NULL);
    return 0;
}

void sim_object_destroy_held(void *object)
{
    sim_object_unref(object);
    erase(object, NULL);
}

void sim_object_bury(void *object)
{
    erase(object, &tombstone);
}

int sim_object_open(void *object, const SimFileOps *ops)
{
    SimObject *o = object;
    int fd;

    o->file = sim_file_new(o->context->sim, ops, o);
    if (!o->file) {
        return -ENOMEM;
    }
    sim_object_ref(o);
    sim_file_ref(o->context->file);
    fd = sim_file_install(o->file);
    if (fd < 0) {
        sim_file_unref(o->file);
    }
    return fd;
}

void sim_object_release(SimFile *file)
{
    SimObject *object = file->priv;
    SimFile *context = object->context->file;

    object->file = NULL;
    sim_object_unref(object);
    sim_file_unref(context);
}

void sim_object_ref(void *object)
{
    ((SimObject *)object)->users++;
}

void sim_object_unref(void *object)
{
    ((SimObject *)object)->users--;
}
