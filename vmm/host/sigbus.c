// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "host/sigbus.h"

/* Where on_sigbus() stores the address: a signal handler takes no argument from
 * its installer. */
static _Thread_local _Atomic uintptr_t *caught;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	uintptr_t none = 0;

	(void)context;
	if (info->si_code == BUS_MCEERR_AO)
		return; /* action optional: no thread waits for the page */
	if (info->si_code == BUS_MCEERR_AR && caught &&
	    atomic_compare_exchange_strong(caught, &none,
					   (uintptr_t)info->si_addr))
		return;
	signal(sig, SIG_DFL);
	raise(sig); /* delivered when the handler returns */
}

void sigbus_init(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus,
				.sa_flags = SA_SIGINFO };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, NULL);
}

void sigbus_catch(_Atomic uintptr_t *hva)
{
	*hva = 0;
	caught = hva;
}
