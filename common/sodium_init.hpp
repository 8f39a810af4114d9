#pragma once

#include "common/result.hpp"

namespace millrace {

/// Every program calls this first thing in `main`, before a key, a hash or a random byte. It sets
/// up libsodium and checks what consensus relies on in the two libraries that this process has
/// loaded. Fails with a sentence when libsodium does not start, accepts a signature that our rules
/// refuse (a build with ED25519_COMPAT), or libsecp256k1's self-test aborts. May be called again.
[[nodiscard]] Status<> init_sodium();

}  // namespace millrace
