#pragma once

#include <string>
#include <variant>

#include "vm/image/image.hpp"
#include "vm/module/error.hpp"
#include "vm/module/profile.hpp"

namespace millrace::vm {

/// Why bytes make no program: no valid module, or no image.
struct PublishError {
    std::variant<ModuleError, ProfileError, ImageError> why;
    [[nodiscard]] std::string sentence() const;
};

/// What a validator signs: decodes, validates and lowers a module, so that its image root names it.
/// Source: docs/protocol/image.md, "Publication".
[[nodiscard]] Result<Image, PublishError> publish(Bytes module);

}  // namespace millrace::vm
