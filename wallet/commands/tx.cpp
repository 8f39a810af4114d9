#include <fmt/format.h>

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <memory>

#include "market/transaction_json.hpp"
#include "wallet/command_line.hpp"
#include "wallet/describe_tx.hpp"
#include "wallet/fold.hpp"
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

Try<Read> read_tx(const Context& context, const std::string& path) {
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
    MILLRACE_CHECK(context.check_meant(out.tx.chain, "the transaction is for"));
    return out;
}

Try<Ok> show(Context& context, const std::string& path) {
    MILLRACE_TRY(const Read read, read_tx(context, path));
    boost::json::object out{{"network", enum_name(read.network)},
                            {"from", to_text(to_address(read.tx.sender), read.network)},
                            {"is_signed", read.signed_tx.has_value()},
                            {"tx", to_json(read.tx, {read.network})}};
    if (read.signed_tx) out["transaction"] = to_hex(market::tx_hash(*read.signed_tx).view());
    context.print(out, describe_tx(read.tx, read.network) +
                           (read.signed_tx ? "signed; `millrace tx send` sends it\n"
                                           : "not signed yet; `millrace tx sign` signs it\n"));
    return Ok{};
}

Try<Ok> sign(Context& context, const std::string& path) {
    MILLRACE_TRY(const Read read, read_tx(context, path));
    if (read.signed_tx)
        return Err{Failure{Exit::bad_input, path + " is signed; `millrace tx send` sends it"}};
    MILLRACE_TRY(const Keystore::Listed account, context.keystore().find_key(read.tx.sender));
    if (account.file.network != read.network)
        return Err{Failure{
            Exit::bad_input,
            fmt::format("account \"{}\" is for the {} network, the transaction for "
                        "the {} network",
                        account.name, enum_name(account.file.network), enum_name(read.network))}};
    if (!context.yes)
        fmt::print(stderr, "{}",
                   folded(describe_tx(read.tx, read.network), Terminal::of(STDERR_FILENO)));
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

/// A transaction that cannot be signed anew here.
Try<Sent> send_once(Context& context, const market::SignedTx& tx) {
    auto sent = send_and_wait(context, tx);
    if (sent.has_value()) return sent;
    Failure failure = sent.error();
    if (refusal_of(failure) != market::Refusal::nonce_too_low) return sent;
    // Another program may have sent this very one a moment ago.
    MILLRACE_TRY(const std::optional<Sent> after, find_final(context, market::tx_hash(tx)));
    if (after) return *after;
    failure.message = fmt::format(
        "the ledger refuses the transaction: {}; another one of the account has used it, or this "
        "very one longer ago than the node remembers: see `millrace account history` before "
        "anything is signed anew",
        market::sentence(market::Refusal::nonce_too_low));
    return Err{std::move(failure)};
}

Try<Ok> send(Context& context, const std::string& path) {
    MILLRACE_TRY(const Read read, read_tx(context, path));
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
    // Who is told to try again signs anew and pays twice: what is final is said to be so.
    MILLRACE_TRY(std::optional<Sent> before, find_final(context, market::tx_hash(*read.signed_tx)));
    const bool is_already = before.has_value();
    const auto done = is_already ? Try<Sent>(*before) : send_once(context, *read.signed_tx);
    if (!done.has_value()) return Err{done.error()};
    const Sent& sent = *done;
    boost::json::object out = sent_json(sent);
    out["already"] = is_already;
    std::string text =
        fmt::format("{} in block {}; fee {} credits; transaction {}",
                    is_already ? "Nothing was sent: it is final already," : "Final",
                    sent.height.value, to_credits(sent.receipt.fee), to_hex(sent.hash.view()));
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
