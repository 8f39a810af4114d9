#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <memory>

#include "market/transaction_json.hpp"
#include "wallet/command_line.hpp"
#include "wallet/tx.hpp"

namespace millrace::wallet {

namespace {

/// Twice the bytes in hexadecimal, and the names around them.
constexpr std::size_t kFileTextMax = 2 * TxFile::kBytesMax + 4096;

Try<std::string> read_all(const std::string& path) {
    std::ifstream file;
    if (path != "-") {
        file.open(path, std::ios::binary);
        if (!file) return Err{Failure{Exit::bad_input, "cannot read " + path}};
    }
    std::istream& in = path == "-" ? std::cin : file;
    std::string text(kFileTextMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > kFileTextMax)
        return Err{Failure{Exit::bad_input, path + " is larger than a transaction can be"}};
    return text;
}

/// A transaction of a file, whether signed or not.
struct Read {
    Network network = Network::test;
    market::Tx tx;
    std::optional<market::SignedTx> signed_tx;
};

Try<Read> read_tx(const std::string& path) {
    MILLRACE_TRY(const std::string text, read_all(path));
    const auto bad = [&](const std::string& why) {
        return Err{
            Failure{Exit::bad_input,
                    fmt::format("{} is no transaction as --dry-run prints it: {}", path, why)}};
    };
    boost::system::error_code ec;
    const boost::json::value parsed = boost::json::parse(text, ec);
    if (ec) return bad("not JSON");
    const auto file = from_json<TxFile>(parsed);
    if (!file.has_value()) return bad(file.error().sentence());
    if (file->version != 1) return bad("written by a later version");
    if (file->unsigned_tx.has_value() == file->signed_tx.has_value())
        return bad("either unsigned_tx or signed_tx is there");
    Read out;
    out.network = file->network;
    if (file->signed_tx) {
        auto tx = decode<market::SignedTx>(*file->signed_tx);
        if (!tx.has_value()) return bad(enum_name(tx.error()));
        out.tx = tx->tx;
        out.signed_tx = *std::move(tx);
    } else {
        auto tx = decode<market::Tx>(*file->unsigned_tx);
        if (!tx.has_value()) return bad(enum_name(tx.error()));
        out.tx = *std::move(tx);
    }
    return out;
}

/// Everything that a signature would cover, for people.
std::string describe(const Read& read) {
    const boost::json::value shown = to_json(read.tx, {read.network});
    std::string text;
    const auto row = [&](std::string_view name, const boost::json::value& value) {
        text += fmt::format(
            "{:<18}{}\n", name,
            value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value));
    };
    row("from", boost::json::value(to_text(to_address(read.tx.sender), read.network)));
    for (const auto& [name, value] : shown.at("body").as_object()) row(name, value);
    row("nonce", shown.at("nonce"));
    text += fmt::format("{:<18}{} credits\n", "fee at most", to_credits(read.tx.fee_max));
    row("expiry", shown.at("expiry"));
    row("chain", shown.at("chain"));
    return text;
}

Try<Ok> show(Context& context, const std::string& path) {
    MILLRACE_TRY(const Read read, read_tx(path));
    boost::json::object out{{"network", enum_name(read.network)},
                            {"from", to_text(to_address(read.tx.sender), read.network)},
                            {"is_signed", read.signed_tx.has_value()},
                            {"tx", to_json(read.tx, {read.network})}};
    if (read.signed_tx) out["hash"] = to_hex(market::tx_hash(*read.signed_tx).view());
    context.print(
        out, describe(read) + (read.signed_tx ? "signed; `millrace tx send` sends it\n"
                                              : "not signed yet; `millrace tx sign` signs it\n"));
    return Ok{};
}

Try<Ok> sign(Context& context, const std::string& path) {
    MILLRACE_TRY(const Read read, read_tx(path));
    if (read.signed_tx)
        return Err{Failure{Exit::bad_input, path + " is signed; `millrace tx send` sends it"}};
    MILLRACE_TRY(const Keystore::Listed account, context.keystore().find_key(read.tx.sender));
    if (account.file.network != read.network)
        return Err{Failure{
            Exit::bad_input,
            fmt::format("account \"{}\" is for the {} network, the transaction for "
                        "the {} network",
                        account.name, enum_name(account.file.network), enum_name(read.network))}};
    if (!context.yes) fmt::print(stderr, "{}", describe(read));
    MILLRACE_CHECK(context.confirm(fmt::format("Sign it with account \"{}\"?", account.name)));
    MILLRACE_TRY(const SecretBuffer passphrase, context.passphrase.for_open(account.name));
    MILLRACE_TRY(const AccountSecret secret, Keystore::open(account, passphrase.text()));
    TxFile file;
    file.network = read.network;
    file.signed_tx.emplace(encode(sign_tx(secret, read.tx)));
    context.note("Signed; send it with `millrace tx send FILE` before it expires");
    const boost::json::value out = to_json(file, {read.network});
    context.print(out, boost::json::serialize(out));
    return Ok{};
}

Try<Ok> send(Context& context, const std::string& path) {
    MILLRACE_TRY(const Read read, read_tx(path));
    if (!read.signed_tx)
        return Err{
            Failure{Exit::bad_input,
                    path + " is not signed yet; `millrace tx sign` does it where the key is"}};
    MILLRACE_TRY(const NodeStatus node, node_status(context));
    if (node.chain != read.tx.chain)
        return Err{Failure{Exit::bad_input,
                           fmt::format("the transaction is for chain {}, the node at {} is on {}",
                                       short_hash(to_hex(read.tx.chain.view())), context.node,
                                       short_hash(to_hex(node.chain.view())))}};
    MILLRACE_TRY(const Sent sent, send_and_wait(context, *read.signed_tx));
    boost::json::object out{{"hash", to_hex(sent.hash.view())},
                            {"height", sent.height.value},
                            {"fee", std::to_string(sent.receipt.fee.value)}};
    std::string text =
        fmt::format("Final in block {}; fee {} credits; transaction {}", sent.height.value,
                    to_credits(sent.receipt.fee), to_hex(sent.hash.view()));
    if (std::holds_alternative<market::JobPost>(read.tx.body)) {
        const std::string job =
            to_hex(market::job_id_of(node.chain, to_address(read.tx.sender), read.tx.nonce).view());
        out["job"] = job;
        text += fmt::format("\nJob {0}; `millrace job watch {0}`", job);
    }
    context.print(out, text);
    return Ok{};
}

}  // namespace

void add_tx_commands(CLI::App& app, Context& context) {
    const Command group =
        Command(app).add_subcommand("tx", "Transactions made, signed and sent apart");
    group->require_subcommand();
    const auto path = std::make_shared<std::string>();
    const auto add = [&](const char* name, const char* what, const char* example, auto handler) {
        const Command command = group->add_subcommand(name, what);
        command
            ->add_option("file", *path, "What --dry-run or `tx sign` printed; - for standard input")
            ->required();
        command->footer(std::string("Example:\n  ") + example);
        command->callback([&context, path, handler] {
            context.action = [&context, path, handler] { return handler(context, *path); };
        });
    };
    add("show", "What a transaction does",
        "millrace tx show tx.json\n\nNeeds no node and no account.", show);
    add("sign", "Sign a transaction with an account of the keystore",
        "millrace tx sign tx.json > signed.json\n\nNeeds no node: the machine with the key may be "
        "without any network.",
        sign);
    add("send", "Send a signed transaction and wait until it is final",
        "millrace tx send signed.json", send);
}

}  // namespace millrace::wallet
