/* Each kernel is one module without imports, so that every runtime can run it: `_start` does the work and leaves its
   result at address 16, where the exported `result` reads it. */
#include <stdint.h>
static unsigned kernel(void);
__attribute__((export_name("_start"))) void start(void) { *(volatile unsigned*)16 = kernel(); }
__attribute__((export_name("result"))) unsigned result(void) { return *(volatile unsigned*)16; }
