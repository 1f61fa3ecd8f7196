// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as a kernel, for whichever loader takes them. */
#include "boot_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct boot *b;

	if (size < 2)
		return 0;
	b = boot_of(data, size);
	if (boot_parse(b, &e))
		check_refusal(&e);
	else
		look_at_boot(b, b->loader == &linux_loader ? b->regs.rsi
							   : b->regs.rbx);
	end_boot(b);
	return 0;
}
