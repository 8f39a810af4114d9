#include <fmt/format.h>

#include <boost/json/value_to.hpp>
#include <charconv>

#include "market/transaction_json.hpp"
#include "wallet/command_line.hpp"
#include "wallet/describe_tx.hpp"
#include "wallet/history.hpp"
#include "wallet/tx.hpp"

namespace millrace::wallet {

namespace {

Try<Ok> status(Context& context) {
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const boost::json::value raw, client->call("node_status", {}));
    MILLRACE_TRY(const NodeStatus node, node_status(context));
    MILLRACE_TRY(const market::ChainView chain, chain_view(context));
    Table table({"chain", to_hex(node.chain.view())});
    table.add({"network", enum_name(node.network)});
    table.add({"height", std::to_string(node.height.value)});
    table.add({"head", to_hex(node.head.view())});
    table.add({"epoch", std::to_string(chain.state.epoch.value)});
    table.add({"active time", human_duration(chain.state.active_time.value)});
    table.add({"supply", to_credits(chain.state.supply) + " credits"});
    table.add({"burnt", to_credits(chain.state.burnt) + " credits"});
    table.add({"base fee", std::to_string(chain.state.base_fee.value) + " nano-credits a byte"});
    table.add({"clearings", std::to_string(chain.state.clearing.value)});
    table.add({"jobs on offer", std::to_string(chain.state.bids)});
    table.add({"asks", std::to_string(chain.state.asks)});
    table.add({"waiting", std::to_string(node.waiting_transactions) + " transactions"});
    table.add(
        {"blobs", human_bytes(node.blob_bytes) + " of " + human_bytes(node.blob_quota_bytes)});
    table.add({"node", "version " + node.version + ", up " + human_duration(node.uptime_ms)});
    boost::json::object out{{"node", raw}, {"chain", to_json(chain.state, {node.network})}};
    MILLRACE_TRY(ProofReader* const proofs, context.proofs());
    if (proofs != nullptr) {
        const Trust& trust = proofs->trust();
        table.add({"verified",
                   fmt::format("block {} ({})", trust.height.value, time_text(trust.head_time))});
        out["verified_height"] = trust.height.value;
        if (trust.checkpoint) {
            table.add({"checkpoint", to_hex(trust.checkpoint->view())});
            out["checkpoint"] = to_hex(trust.checkpoint->view());
        }
        context.take_on_trust("what the node says of itself");
    }
    context.print(out, table.text(Terminal{}));
    return Ok{};
}

/// Times of a header for people; all else as it is.
boost::json::value in_words(std::string_view name, const boost::json::value& value) {
    const auto ms = boost::json::try_value_to<std::uint64_t>(value);
    if (!ms) return value;
    if (name == "time") return boost::json::value(time_text(WallTime{*ms}));
    if (name == "active_time") return boost::json::value(human_duration(*ms));
    return value;
}

Try<Ok> block(Context& context, const std::string& which) {
    boost::json::object params;
    std::uint64_t height = 0;
    const auto [end, ec] = std::from_chars(which.data(), which.data() + which.size(), height);
    if (which == "head" || which.empty()) {
        // Neither parameter: the newest.
    } else if (which.size() != 2 * BlockHash::kSize && ec == std::errc{} &&
               end == which.data() + which.size()) {
        // A hash may well have no letter in it.
        params["height"] = height;
    } else if (which.size() == 2 * BlockHash::kSize && from_hex(which)) {
        params["hash"] = which;
    } else {
        return Err{Failure{Exit::usage,
                           fmt::format("\"{}\" is neither a height, nor a hash of 64 hexadecimal "
                                       "digits, nor head",
                                       which)}};
    }
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const boost::json::value answer, client->call("chain_block", std::move(params)));
    context.take_on_trust("the block");
    const auto& fields = answer.as_object();
    const auto& header = fields.at("header").as_object();
    std::string text;
    const auto row = [&](const char* name, const boost::json::value& value) {
        text += fmt::format(
            "{:<18}{}\n", name,
            value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value));
    };
    row("hash", fields.at("hash"));
    for (const char* name : {"height", "parent", "time", "active_time", "epoch", "view", "proposer",
                             "transactions_root", "receipts_root", "state_root"})
        if (header.contains(name)) row(name, in_words(name, header.at(name)));
    const auto& transactions = fields.at("transactions").as_array();
    const auto& receipts = fields.at("receipts").as_array();
    text += fmt::format("{:<18}{}\n", "transactions", transactions.size());
    for (std::size_t i = 0; i < transactions.size() && i < receipts.size(); ++i) {
        const auto& body = transactions[i].at("tx").at("body").as_object();
        const auto& receipt = receipts[i].as_object();
        text += fmt::format("  {}  {:<18} {}\n",
                            short_hash(std::string_view(receipt.at("transaction").as_string())),
                            std::string_view(body.at("type").as_string()),
                            std::string_view(receipt.at("refusal").as_string()));
    }
    context.print(answer, text);
    return Ok{};
}

Try<Ok> transaction(Context& context, const std::string& hash) {
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const NodeStatus node, node_status(context));
    MILLRACE_TRY(const boost::json::value answer, client->call("tx_get", {{"hash", hash}}));
    context.take_on_trust("the transaction");
    const auto signed_tx = from_json<market::SignedTx>(answer.at("transaction"));
    if (!signed_tx.has_value())
        return Err{Failure{Exit::failed, "tx_get: " + signed_tx.error().sentence()}};
    const auto& status_fields = answer.at("status").as_object();
    std::string text;
    const auto row = [&](std::string_view name, const boost::json::value& value) {
        text += fmt::format(
            "{:<20}{}\n", name,
            value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value));
    };
    row("state", status_fields.at("state"));
    if (!status_fields.at("height").is_null()) row("block", status_fields.at("height"));
    if (const auto* receipt = status_fields.at("receipt").if_object()) {
        row("refusal", receipt->at("refusal"));
        if (const auto fee = from_json<Amount>(receipt->at("fee")); fee.has_value())
            row("fee", boost::json::value(to_credits(*fee) + " credits"));
    }
    text += describe_tx(signed_tx->tx, node.network);
    context.print(answer, text);
    return Ok{};
}

}  // namespace

void add_chain_commands(CLI::App& app, Context& context) {
    const auto which = std::make_shared<std::string>();
    const Command group = Command(app).add_subcommand("chain", "The ledger as the node sees it");
    group->require_subcommand();
    const Command status_command =
        group->add_subcommand("status", "Head, time, supply, fee, and the node's state");
    status_command->footer("Example:\n  millrace chain status --node http://127.0.0.1:8645");
    status_command->callback(
        [&context] { context.action = [&context] { return status(context); }; });
    const Command block_command = group->add_subcommand("block", "A block by height or hash");
    block_command->add_option("block", *which, "Height, hash, or head");
    block_command->footer("Example:\n  millrace chain block 42");
    block_command->callback([&context, which] {
        context.action = [&context, which] { return block(context, *which); };
    });
    const Command tx_command = group->add_subcommand("tx", "A transaction by its hash");
    tx_command->add_option("hash", *which, "Transaction hash")->required();
    tx_command->footer("Example:\n  millrace chain tx 5f0c... --json");
    tx_command->callback([&context, which] {
        context.action = [&context, which] { return transaction(context, *which); };
    });
}

}  // namespace millrace::wallet
