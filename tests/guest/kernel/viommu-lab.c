// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * The lab kernel's only code of our own: it gives an endpoint the address
 * space of a process (shared virtual addressing), for which Linux has no
 * interface of its own.  The process writes a PCI address, such as
 * 0000:02:00.0, to /dev/viommu-sva, and reads the PASID back; closing the
 * file takes the address space away.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/iommu.h>
#include <linux/miscdevice.h>
#include <linux/pci.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define ADDRESS_SIZE 32

struct bond {
	struct pci_dev *pdev;
	struct iommu_sva *sva;
};

static struct pci_dev *find_device(const char *text)
{
	unsigned int domain, bus, slot, function;

	if (sscanf(text, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4 ||
	    slot > 31 || function > 7)
		return NULL;
	return pci_get_domain_bus_and_slot(domain, bus,
					   PCI_DEVFN(slot, function));
}

static ssize_t lab_write(struct file *file, const char __user *user,
			 size_t size, loff_t *pos)
{
	char text[ADDRESS_SIZE] = "";
	struct bond *bond;
	int ret;

	if (file->private_data)
		return -EBUSY;
	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, user, size))
		return -EFAULT;
	bond = kzalloc(sizeof(*bond), GFP_KERNEL);
	if (!bond)
		return -ENOMEM;
	ret = -ENODEV;
	bond->pdev = find_device(text);
	if (!bond->pdev)
		goto free;
	bond->sva = iommu_sva_bind_device(&bond->pdev->dev, current->mm);
	ret = PTR_ERR_OR_ZERO(bond->sva);
	if (ret)
		goto put;
	file->private_data = bond;
	return size;
put:
	pci_dev_put(bond->pdev);
free:
	kfree(bond);
	return ret;
}

static ssize_t lab_read(struct file *file, char __user *user, size_t size,
			loff_t *pos)
{
	struct bond *bond = file->private_data;
	char text[16];
	int length;

	if (!bond)
		return -ENODEV;
	length = scnprintf(text, sizeof(text), "%u\n",
			   iommu_sva_get_pasid(bond->sva));
	return simple_read_from_buffer(user, size, pos, text, length);
}

static int lab_open(struct inode *inode, struct file *file)
{
	/* misc devices leave themselves here */
	file->private_data = NULL;
	return 0;
}

static int lab_release(struct inode *inode, struct file *file)
{
	struct bond *bond = file->private_data;

	if (bond) {
		iommu_sva_unbind_device(bond->sva);
		pci_dev_put(bond->pdev);
		kfree(bond);
	}
	return 0;
}

static const struct file_operations lab_operations = {
	.open = lab_open,
	.write = lab_write,
	.read = lab_read,
	.release = lab_release,
};

static struct miscdevice lab_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "viommu-sva",
	.fops = &lab_operations,
};

static int __init lab_init(void)
{
	return misc_register(&lab_device);
}
device_initcall(lab_init);
