// From a received message to the bound plan, when the cache has it.
#pragma once

#include <stdbool.h>

// Prints a line a shape of statement; false when a median is above 500 ns.
bool parse_run(void);
