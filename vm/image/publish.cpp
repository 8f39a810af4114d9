#include "vm/image/publish.hpp"

namespace millrace::vm {

std::string PublishError::sentence() const {
    return std::visit([](const auto& error) { return error.sentence(); }, why);
}

Result<Image, PublishError> publish(Bytes module) {
    auto valid = load_module(std::move(module));
    if (!valid.has_value()) return Err{PublishError{valid.error()}};
    auto image = make_image(*valid);
    if (!image.has_value()) return Err{PublishError{image.error()}};
    return std::move(image).value();
}

}  // namespace millrace::vm
