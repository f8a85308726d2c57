/* Wine 8 has no bcryptprimitives.dll, from which Rust's standard library takes its random
   numbers. This one hands the request to what Wine has. */

#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
    return RtlGenRandom(data, (ULONG)length);
}
