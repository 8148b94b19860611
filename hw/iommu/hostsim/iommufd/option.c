/* SPDX-License-Identifier: BSD-3-Clause */
/* iommufd's options, and what concerns a whole context. */
#include <errno.h>
#include <unistd.h>

#include "hw/iommu/hostsim/iommufd/ioas.h"

static int rlimit_mode(SimContext *context, IommufdOption *cmd)
{
    if (cmd->object_id) {
        return -EOPNOTSUPP;
    }
    switch (cmd->op) {
    case IOMMUFD_OPTION_OP_GET:
        cmd->val64 = context->account_process;
        return 0;
    case IOMMUFD_OPTION_OP_SET:
        if (sim_context_objects(context)) {
            return -EBUSY;
        }
        if (cmd->val64 > 1) {
            return -EINVAL;
        }
        context->account_process = cmd->val64;
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

/** Small pages want whole pages, and tables that are not filled yet. */
int sim_ioas_set_small_pages(SimIoas *ioas)
{
    int ret;

    if (ioas->small_pages) {
        return 0;
    }
    if (ioas->domains->len && ioas->areas->len) {
        return -EINVAL;
    }
    ret = sim_ioas_check_alignment(ioas, SIM_PAGE);
    if (!ret) {
        ioas->small_pages = true;
        ioas->alignment = SIM_PAGE;
    }
    return ret;
}

static int huge_pages(SimContext *context, IommufdOption *cmd)
{
    SimIoas *ioas = sim_object_get(context, cmd->object_id, SIM_IOAS);

    if (!ioas) {
        return -ENOENT;
    }
    switch (cmd->op) {
    case IOMMUFD_OPTION_OP_GET:
        cmd->val64 = !ioas->small_pages;
        return 0;
    case IOMMUFD_OPTION_OP_SET:
        if (cmd->val64 > 1) {
            return -EINVAL;
        }
        if (!cmd->val64) {
            return sim_ioas_set_small_pages(ioas);
        }
        ioas->small_pages = false;
        ioas->alignment = ioas->domains->len ? SIM_PAGE : 1;
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

int sim_option(SimCommand *c)
{
    IommufdOption *cmd = c->cmd;
    int ret;

    if (cmd->reserved) {
        return -EOPNOTSUPP;
    }
    switch (cmd->option_id) {
    case IOMMUFD_OPTION_RLIMIT_MODE:
        ret = rlimit_mode(c->context, cmd);
        break;
    case IOMMUFD_OPTION_HUGE_PAGES:
        ret = huge_pages(c->context, cmd);
        break;
    default:
        return -EOPNOTSUPP;
    }
    return ret ? ret : sim_respond(c, sizeof(*cmd));
}

int sim_vfio_ioas(SimCommand *c)
{
    IommufdVfioIoas *cmd = c->cmd;
    SimContext *context = c->context;

    if (cmd->reserved) {
        return -EOPNOTSUPP;
    }
    switch (cmd->op) {
    case IOMMUFD_VFIO_IOAS_GET:
        if (!context->vfio_ioas) {
            return -ENODEV;
        }
        cmd->ioas_id = context->vfio_ioas;
        return sim_respond(c, sizeof(*cmd));
    case IOMMUFD_VFIO_IOAS_SET:
        if (!sim_object_get(context, cmd->ioas_id, SIM_IOAS)) {
            return -ENOENT;
        }
        context->vfio_ioas = cmd->ioas_id;
        return 0;
    case IOMMUFD_VFIO_IOAS_CLEAR:
        context->vfio_ioas = 0;
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

/** There is one process only, so that there is nothing to move. */
int sim_ioas_change_process(SimCommand *c)
{
    const IommufdIoasChangeProcess *cmd = c->cmd;
    SimContext *context = c->context;

    if (cmd->reserved) {
        return -EOPNOTSUPP;
    }
    for (guint id = 1; id <= context->objects->len; id++) {
        SimIoas *ioas = sim_object_get(context, id, SIM_IOAS);

        for (guint i = 0; ioas && i < ioas->areas->len; i++) {
            SimArea *area = g_ptr_array_index(ioas->areas, i);

            if (area->pages->file < 0) {
                return -EINVAL;
            }
        }
    }
    return 0;
}
