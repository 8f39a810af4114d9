#pragma once

#include <secp256k1.h>

#include "common/assert.hpp"
#include "common/bytes.hpp"

namespace millrace::detail {

/// A libsecp256k1 context for work with a secret, blinded with the caller's bytes. Made for each
/// use: that costs microseconds, and nothing mutable is shared between threads. Verification uses
/// the library's own constant `secp256k1_context_static`.
class SigningContext {
  public:
    explicit SigningContext(ByteView blinding) : context_(make()) {
        MILLRACE_ASSERT(context_ != nullptr && blinding.size() == 32);
        const int rc = secp256k1_context_randomize(context_, blinding.data());
        MILLRACE_ASSERT(rc == 1);
    }
    ~SigningContext() { secp256k1_context_destroy(context_); }
    SigningContext(const SigningContext&) = delete;
    SigningContext& operator=(const SigningContext&) = delete;
    [[nodiscard]] const secp256k1_context* get() const { return context_; }

  private:
    static secp256k1_context* make() { return secp256k1_context_create(SECP256K1_CONTEXT_NONE); }
    secp256k1_context* context_;
};

}  // namespace millrace::detail
