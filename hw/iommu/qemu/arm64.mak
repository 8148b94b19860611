# SPDX-License-Identifier: GPL-2.0-or-later
# The devices of scripts/qemu-build --arch arm64: Arm's machine, and what tests
# of host devices put into it.
CONFIG_ARM_VIRT=y
CONFIG_PCIE_PORT=y
CONFIG_VFIO=y
CONFIG_VFIO_PCI=y
CONFIG_IOMMUFD=y
