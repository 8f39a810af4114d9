#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "wallet/tx.hpp"

/// Programs by file or by image root, and their way onto the chain.
namespace millrace::wallet {

/// A program that a command names.
struct ModuleChoice {
    ImageRoot image;
    /// Where it was read from; none when it was named by its image root.
    std::optional<std::filesystem::path> path;
    std::uint64_t size = 0;
    /// Its row on chain; none when it has to be published.
    std::optional<market::ModuleView> published;
};

/// Reads a file of at most `kModuleFileMax` bytes.
[[nodiscard]] Try<Bytes> read_module(const std::filesystem::path& path);
inline constexpr std::uint64_t kModuleFileMax = 256U << 20U;

/// The image root of a module, computed here; a module that is no program fails with the diagnosis
/// that `millrace check` gives.
[[nodiscard]] Try<ImageRoot> image_of(const std::filesystem::path& path, Bytes module);

/// Resolves a file's path or an image root and asks the node whether it is on chain. An image root
/// that is not is a failure.
[[nodiscard]] Try<ModuleChoice> choose_module(Context& context, const std::string& text);

/// What `life_ms` of a module of this size costs: MiB begun × days begun × price, as the ledger
/// has it.
[[nodiscard]] Try<Amount> module_rent(const market::Params& params, std::uint64_t size,
                                      std::uint64_t life_ms);

/// Uploads the module, has the validator sign it, checks what it signed against the image root
/// computed here, and sends the transaction.
[[nodiscard]] Try<Sent> publish_module(Context& context, Signer& signer, ModuleChoice& choice,
                                       std::uint64_t life_ms);

}  // namespace millrace::wallet
