/* SPDX-License-Identifier: GPL-2.0-only */
/* cmocka.h wants these four before it. A test's name is a sentence: what
 * would be broken if it failed. */
#ifndef GPCVM_UNIT_H
#define GPCVM_UNIT_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#endif
