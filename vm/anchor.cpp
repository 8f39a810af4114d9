#include "vm/machine/access.hpp"
#include "vm/machine/layout.hpp"
#include "vm/machine/sparse_state.hpp"
