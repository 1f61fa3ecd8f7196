// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of QEMU's fw_cfg (docs/specs/fw_cfg.rst) that bare-metal tests use
 * to get the number of CPUs and the memory size: a 16-bit selector at 0x510,
 * and data at 0x511, one byte at a time. No DMA, no files. Unknown items read
 * as zeros, as in QEMU.
 */
#include <pthread.h>
#include <string.h>

#include "devices/devices.h"

#define PORT	  0x510
#define ITEM_SIZE 8

enum { SIGNATURE = 0, ID = 1, RAM_SIZE = 3, NB_CPUS = 5, MAX_CPUS = 0xf };

struct fw_cfg {
	pthread_mutex_t lock;
	uint64_t ram;
	unsigned int vcpus;
	uint8_t item[ITEM_SIZE];
	unsigned int at;
};

static void fw_cfg_select(struct fw_cfg *f, unsigned int key)
{
	uint64_t value = 0;

	switch (key) {
	case SIGNATURE:
		memcpy(&value, "QEMU", 4);
		break;
	case ID:
		value = 1; /* only the traditional interface */
		break;
	case RAM_SIZE:
		value = f->ram;
		break;
	case NB_CPUS:
	case MAX_CPUS:
		value = f->vcpus;
		break;
	default:
		break;
	}
	memcpy(f->item, &value, sizeof(value));
	f->at = 0;
}

static void fw_cfg_access(void *arg, struct vcpu *v, uint16_t port,
			  unsigned int size, bool write, uint8_t *data)
{
	struct fw_cfg *f = arg;

	(void)v;
	pthread_mutex_lock(&f->lock);
	if (!write)
		memset(data, 0, size);
	if (write && port == PORT && size == 2)
		fw_cfg_select(f, data[0] | (unsigned int)data[1] << 8);
	if (!write && port == PORT + 1 && f->at < ITEM_SIZE)
		data[0] = f->item[f->at++];
	pthread_mutex_unlock(&f->lock);
}

static int fw_cfg_init(struct board *b, void *state, struct err *e)
{
	struct fw_cfg *f = state;

	(void)e;
	pthread_mutex_init(&f->lock, NULL);
	f->ram = b->ram;
	f->vcpus = b->vcpus;
	f->at = ITEM_SIZE;
	return 0;
}

static void fw_cfg_free(void *state)
{
	struct fw_cfg *f = state;

	pthread_mutex_destroy(&f->lock);
}

const struct device fw_cfg_device = {
	.name = "fw_cfg",
	.boards = BOARD_PC,
	.size = sizeof(struct fw_cfg),
	.ports = { { PORT, 2, fw_cfg_access, "fw-cfg", "gpcvm,fw-cfg" } },
	.init = fw_cfg_init,
	.free = fw_cfg_free,
};
