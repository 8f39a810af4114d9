#include "wallet/modules.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "common/page_tree.hpp"
#include "vm/image/publish.hpp"
#include "vm/module/check.hpp"
#include "wallet/trees.hpp"

namespace millrace::wallet {

namespace fs = std::filesystem;

namespace {

/// An image root is typed as such; a file of that name is meant when there is one.
std::optional<ImageRoot> as_image_root(const std::string& text) {
    std::error_code ignored;
    if (fs::exists(text, ignored)) return std::nullopt;
    const auto raw = from_hex(text);
    return raw ? ImageRoot::from(*raw) : std::nullopt;
}

}  // namespace

Try<Bytes> read_module(const fs::path& path) {
    std::error_code ec;
    if (fs::is_directory(path, ec))
        return Err{Failure{Exit::bad_input, path.string() + " is a folder, not a module"}};
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                               &std::fclose);
    const std::uint64_t size = fs::file_size(path, ec);
    if (!file || ec)
        return Err{Failure{Exit::bad_input,
                           fmt::format("cannot read {}: give a WebAssembly module, or the image "
                                       "root of a published one",
                                       path.string())}};
    if (size > kModuleFileMax)
        return Err{Failure{Exit::bad_input,
                           fmt::format("{} is larger than a module may be", path.string())}};
    Bytes out(size);
    if (std::fread(out.data(), 1, out.size(), file.get()) != out.size())
        return Err{Failure{Exit::bad_input, "cannot read " + path.string()}};
    return out;
}

Try<ImageRoot> image_of(const fs::path& path, Bytes module) {
    const Bytes copy = module;
    auto image = vm::publish(std::move(module));
    // The machine and the ledger each have their own type for it.
    if (image.has_value()) return *ImageRoot::from(image->root.view());
    // The slow way again, for the reader: where it lies and what makes it go away.
    const auto report = vm::check_module(copy);
    std::string why = image.error().sentence();
    if (!report.has_value())
        why = vm::to_text(report.error());
    else if (report->profile)
        why = report->profile->text();
    return Err{Failure{Exit::bad_input,
                       fmt::format("{} cannot run on Millrace:\n{}", path.string(), why)}};
}

Try<ModuleChoice> choose_module(Context& context, const std::string& text) {
    ModuleChoice choice;
    if (const auto image = as_image_root(text)) {
        choice.image = *image;
        MILLRACE_TRY(choice.published, find_module(context, *image));
        if (!choice.published)
            return Err{Failure{Exit::not_found,
                               "no module with image root " + text +
                                   " is published, or its time is over; name the module's file "
                                   "instead"}};
        choice.size = choice.published->record.size;
        return choice;
    }
    choice.path = text;
    MILLRACE_TRY(Bytes module, read_module(text));
    choice.size = module.size();
    MILLRACE_TRY(choice.image, image_of(text, std::move(module)));
    MILLRACE_TRY(choice.published, find_module(context, choice.image));
    return choice;
}

Try<Amount> module_rent(const market::Params& params, std::uint64_t size, std::uint64_t life_ms) {
    constexpr std::uint64_t kMib = 1U << 20U;
    constexpr std::uint64_t kDayMs = 86'400'000;
    const std::uint64_t units = (size + kMib - 1) / kMib * ((life_ms + kDayMs - 1) / kDayMs);
    const auto rent = checked_mul(params.modules.module_rent_per_mib_day, units);
    if (rent.has_value()) return *rent;
    return Err{Failure{Exit::usage, "so long a life costs more than there can be"}};
}

Try<Sent> publish_module(Context& context, Signer& signer, ModuleChoice& choice,
                         std::uint64_t life_ms) {
    MILLRACE_ASSERT(choice.path);
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const LocalBlob blob, hash_file(*choice.path));
    MILLRACE_CHECK(send_blob(context, blob));
    MILLRACE_TRY(
        market::ModulePublish body,
        client->ask<market::ModulePublish>("module_announce", {{"blob", to_hex(blob.id.view())}}));
    if (body.statement.image != choice.image)
        return Err{Failure{Exit::failed,
                           fmt::format("the node lowers {} to image {}, this program to {}: their "
                                       "versions differ; nothing was sent",
                                       choice.path->string(), to_hex(body.statement.image.view()),
                                       to_hex(choice.image.view()))}};
    body.life_ms = life_ms;
    market::Module record;
    record.blob = body.statement.blob;
    record.size = body.statement.size;
    record.features = body.statement.features;
    MILLRACE_TRY(const market::SignedTx tx, signer.sign(context, std::move(body)));
    MILLRACE_TRY(const Sent sent, send_and_wait(context, tx));
    MILLRACE_TRY(choice.published, find_module(context, choice.image));
    if (!choice.published) choice.published = market::ModuleView{choice.image, record};
    return sent;
}

}  // namespace millrace::wallet
