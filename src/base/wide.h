// 128-bit integers, which ISO C does not name.
#pragma once

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;
