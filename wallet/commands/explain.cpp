#include <fmt/format.h>

#include <memory>

#include "market/node_answers.hpp"
#include "wallet/command_line.hpp"
#include "wallet/context.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

Try<Ok> explain(Context& context, boost::json::object order) {
    const boost::json::value job = order.contains("job") ? order.at("job") : nullptr;
    MILLRACE_TRY(Client* const client, context.client());
    context.take_on_trust("why an order waits");
    MILLRACE_TRY(const boost::json::value raw, client->call("market_explain", std::move(order)));
    const auto answer = from_json<market::OrderAnswer>(raw);
    if (!answer.has_value())
        return Err{Failure{Exit::failed, "market_explain: " + answer.error().sentence()}};
    std::string text = fmt::format("{}\n{}\n", answer->sentence, answer->advice);
    if (answer->filled + answer->left > 0)
        text += fmt::format("lots     {} in clearing {}, {} left over, as orders stand now\n",
                            answer->filled, answer->clearing.value, answer->left);
    if (job.is_string() && answer->price_needed)
        text += fmt::format("raise    `millrace job raise {} --max-price {}`\n",
                            std::string_view(job.get_string()), price_text(*answer->price_needed));
    context.print(raw, text);
    return Ok{};
}

Try<Ok> explain_job(Context& context, const std::string& text) {
    MILLRACE_TRY(const JobId id, parse_id<JobId>("job", text));
    return explain(context, {{"job", to_hex(id.view())}});
}

Try<Ok> explain_provider(Context& context, const std::optional<std::string>& which) {
    MILLRACE_TRY(const Keystore::Known provider, context.keystore().known(which));
    return explain(context, {{"provider", to_text(provider.address, provider.network)}});
}

/// A job's id is 64 hexadecimal digits; nothing else that names an order is.
Try<Ok> explain_any(Context& context, const std::string& text) {
    if (from_hex(text)) return explain_job(context, text);
    return explain_provider(context, text);
}

}  // namespace

void add_market_explain_command(CLI::App& group, Context& context) {
    const auto id = std::make_shared<std::string>();
    const Command command = Command(group).add_subcommand(
        "explain", "Why an order waits, a job's or a provider's, and what would change it");
    command->add_option("order", *id, "Job id, provider's address, or account's name")->required();
    command->footer("Example:\n  millrace market explain 3fa9...");
    command->callback(
        [&context, id] { context.action = [&context, id] { return explain_any(context, *id); }; });
}

void add_job_explain_command(CLI::App& group, Context& context) {
    const auto id = std::make_shared<std::string>();
    const Command command =
        Command(group).add_subcommand("explain", "Why a job waits, and what would change it");
    command->add_option("job", *id, "Job id")->required();
    command->footer("Example:\n  millrace job explain 3fa9...");
    command->callback(
        [&context, id] { context.action = [&context, id] { return explain_job(context, *id); }; });
}

void add_provider_explain_command(CLI::App& group, Context& context) {
    const auto which = std::make_shared<std::optional<std::string>>();
    const Command command = Command(group).add_subcommand(
        "explain", "Why a provider gets no leases, and what would change it");
    command->add_option("provider", *which, "Address, or name in the keystore; else the own");
    command->footer("Example:\n  millrace provider explain tmill1...");
    command->callback([&context, which] {
        context.action = [&context, which] { return explain_provider(context, *which); };
    });
}

}  // namespace millrace::wallet
