#include <fmt/format.h>

#include <memory>

#include "wallet/command_line.hpp"
#include "wallet/modules.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

constexpr std::uint64_t kDayMs = 86'400'000;

std::string left_of(ActiveTime end, ActiveTime now) {
    return end <= now ? "over" : human_duration(end.value - now.value);
}

Try<Ok> publish(Context& context, const std::optional<std::string>& from, const std::string& path,
                std::uint32_t days) {
    MILLRACE_TRY(Signer signer, Signer::open(context, from));
    MILLRACE_TRY(const market::ChainView chain, chain_view(context));
    MILLRACE_TRY(ModuleChoice choice, choose_module(context, path));
    const std::string image = to_hex(choice.image.view());
    const std::uint64_t life_ms = days * kDayMs;
    if (choice.published) {
        context.print(
            boost::json::object{{"image", image},
                                {"already", true},
                                {"module", to_json(*choice.published, {signer.node().network})}},
            fmt::format("Published already, for {} more; image root\n{}\n`millrace module "
                        "renew {} --days N` makes that longer.",
                        left_of(choice.published->record.end, chain.state.active_time), image,
                        image));
        return Ok{};
    }
    MILLRACE_TRY(const Amount rent, module_rent(chain.params, choice.size, life_ms));
    MILLRACE_CHECK(context.confirm(fmt::format("Publish {} ({}) for {} at {} credits?", path,
                                               human_bytes(choice.size), counted(days, "day"),
                                               credits_text(rent))));
    MILLRACE_TRY(const Sent sent, publish_module(context, signer, choice, life_ms));
    boost::json::object out = sent_json(sent);
    out["image"] = image;
    out["already"] = false;
    out["rent"] = std::to_string(rent.value);
    out["life_ms"] = life_ms;
    context.print(out,
                  fmt::format("Published for {} at {} credits, final in block {}; image root\n{}",
                              counted(days, "day"), credits_text(rent), sent.height.value, image));
    return Ok{};
}

Try<Ok> renew(Context& context, const std::optional<std::string>& from, const std::string& text,
              std::uint32_t days) {
    MILLRACE_TRY(Signer signer, Signer::open(context, from));
    MILLRACE_TRY(const market::ChainView chain, chain_view(context));
    MILLRACE_TRY(const ModuleChoice choice, choose_module(context, text));
    if (!choice.published)
        return Err{
            Failure{Exit::not_found,
                    fmt::format("{0} is not published; `millrace module publish {0}`", text)}};
    const std::uint64_t life_ms = days * kDayMs;
    MILLRACE_TRY(const Amount rent, module_rent(chain.params, choice.size, life_ms));
    MILLRACE_CHECK(context.confirm(fmt::format("Keep module {} for {} more at {} credits?",
                                               short_hash(to_hex(choice.image.view())),
                                               counted(days, "day"), credits_text(rent))));
    MILLRACE_TRY(const market::SignedTx tx,
                 signer.sign(context, market::ModuleRenew{choice.image, life_ms}));
    MILLRACE_TRY(const Sent sent, send_and_wait(context, tx));
    boost::json::object out = sent_json(sent);
    out["image"] = to_hex(choice.image.view());
    out["rent"] = std::to_string(rent.value);
    context.print(out, fmt::format("Renewed for {} at {} credits, final in block {}.",
                                   counted(days, "day"), credits_text(rent), sent.height.value));
    return Ok{};
}

Try<Ok> list(Context& context) {
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const market::ChainView chain, chain_view(context));
    context.take_on_trust("the list of modules");
    boost::json::array rows;
    Table table({"IMAGE ROOT", "SIZE", "LEFT"});
    boost::json::object params{{"limit", market::kPageMax}};
    for (;;) {
        MILLRACE_TRY(const boost::json::value raw, client->call("module_list", params));
        const auto page = from_json<std::vector<market::ModuleView>>(raw);
        if (!page.has_value())
            return Err{Failure{Exit::failed, "module_list: " + page.error().sentence()}};
        for (const market::ModuleView& view : *page)
            table.add({to_hex(view.image.view()), human_bytes(view.record.size),
                       left_of(view.record.end, chain.state.active_time)});
        for (const boost::json::value& row : raw.as_array()) rows.push_back(row);
        if (page->size() < market::kPageMax) break;
        MILLRACE_CHECK(check_list_size("module_list", rows.size()));
        params["from"] = to_hex(page->back().image.view());
    }
    const bool is_empty = rows.empty();
    context.print(rows, is_empty ? "No modules are published; `millrace module publish app.wasm`."
                                 : table.text(Terminal::of(1)));
    return Ok{};
}

}  // namespace

void add_module_commands(CLI::App& app, Context& context) {
    struct Options {
        std::optional<std::string> from;
        std::string module;
        std::uint32_t days = 30;
    };
    const auto options = std::make_shared<Options>();
    const Command group = Command(app).add_subcommand("module", "Programs on the chain");
    group->require_subcommand();
    const auto common = [&](Command command, const char* what) {
        command->add_option("module", options->module, what)->required();
        command->add_option("--days", options->days, "How long it stays")
            ->in_range(1U, 366U)
            ->capture_default_str();
        command->add_option("--from", options->from, "Account that pays");
    };
    const Command publish_command =
        group->add_subcommand("publish", "Check, upload and publish a program");
    common(publish_command, "WebAssembly module, app.wasm");
    publish_command->footer(
        "Example:\n  millrace module publish app.wasm --days 90\n\nJobs publish what they need by "
        "themselves; this is for programs that others shall use, or for longer.");
    publish_command->callback([&context, options] {
        context.action = [&context, options] {
            return publish(context, options->from, options->module, options->days);
        };
    });
    const Command renew_command = group->add_subcommand("renew", "Keep a program for longer");
    common(renew_command, "Image root, or the module's file");
    renew_command->footer("Example:\n  millrace module renew app.wasm --days 30");
    renew_command->callback([&context, options] {
        context.action = [&context, options] {
            return renew(context, options->from, options->module, options->days);
        };
    });
    const Command list_command = group->add_subcommand("list", "All published programs");
    list_command->footer("Example:\n  millrace module list --json");
    list_command->callback([&context] { context.action = [&context] { return list(context); }; });
}

}  // namespace millrace::wallet
