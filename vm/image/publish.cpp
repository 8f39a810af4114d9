#include "vm/image/publish.hpp"

namespace millrace::vm {

std::string PublishError::sentence() const {
    if (const auto* profile = std::get_if<ProfileError>(&why)) return profile->text();
    if (const auto* module = std::get_if<ModuleError>(&why)) return module->sentence();
    return std::get<ImageError>(why).sentence();
}

Result<Image, PublishError> publish(Bytes module) {
    auto valid = load_module(std::move(module));
    if (!valid.has_value()) return Err{PublishError{valid.error()}};
    // First, so that a program that cannot run here hears of all that it lacks at once.
    if (auto fits = check_profile(*valid); !fits.has_value())
        return Err{PublishError{fits.error()}};
    auto image = make_image(*valid);
    if (!image.has_value()) return Err{PublishError{image.error()}};
    return std::move(image).value();
}

}  // namespace millrace::vm
