#include <fmt/format.h>
#include <sodium/randombytes.h>

#include <iostream>

#include "common/mnemonic.hpp"
#include "wallet/command_line.hpp"
#include "wallet/ledger_view.hpp"

namespace millrace::wallet {

namespace {

/// 256 bits: 24 words.
constexpr std::size_t kEntropyBytes = 32;

struct AccountRow {
    BoundedString<kAccountNameMax> name;
    std::string address;
    AccountKey public_key;
    Network network = Network::test;
    SecretKind kind = SecretKind::phrase;
};
BOOST_DESCRIBE_STRUCT(AccountRow, (), (name, address, public_key, network, kind))

AccountRow row_of(const Keystore::Listed& account) {
    return {account.name, to_text(account.address(), account.file.network), account.file.public_key,
            account.file.network, account.file.kind};
}

Failure mnemonic_failure(const MnemonicRefusal& refusal) {
    switch (refusal.error) {
        case MnemonicError::bad_word_count:
            return {Exit::bad_input, "a phrase has 12, 15, 18, 21 or 24 words"};
        case MnemonicError::unknown_word:
            return {Exit::bad_input,
                    fmt::format("word {} is not in the English list", refusal.word)};
        case MnemonicError::bad_checksum:
            return {Exit::bad_input,
                    "the phrase's checksum is wrong: a word is mistyped or two are swapped"};
        case MnemonicError::bad_entropy_size:
        case MnemonicError::bad_text:
            break;
    }
    return {Exit::bad_input, "this is not a phrase"};
}

/// A secret on standard input, so that it is in no shell's history and in no list of processes.
Try<SecretBuffer> read_secret_line() {
    std::string line;
    if (!std::getline(std::cin, line))
        return Err{Failure{Exit::bad_input, "nothing came on standard input"}};
    SecretBuffer out(as_bytes(line));
    const EraseAtExit erase({reinterpret_cast<std::uint8_t*>(line.data()), line.size()});
    return out;
}

Try<Ok> make_new(Context& context, const std::string& name, Network network) {
    MILLRACE_TRY(const SecretBuffer passphrase, context.passphrase.for_new());
    SecretBytes<kEntropyBytes> entropy;
    randombytes_buf(entropy.data(), kEntropyBytes);
    MILLRACE_TRY(
        const Keystore::Listed account,
        context.keystore().add_phrase(name, network, entropy.view(), 0, passphrase.text()));
    const auto phrase = Mnemonic::from_entropy(entropy.view());
    if (!phrase.has_value()) return Err{mnemonic_failure(phrase.error())};
    boost::json::value value = to_json(row_of(account));
    value.as_object()["phrase"] = std::string(phrase->text());
    context.print(
        value,
        fmt::format("Account \"{}\": {}\n\nWrite these 24 words down and keep them apart from "
                    "this machine. Whoever has them has the money;\nwithout them and the "
                    "passphrase nobody has.\n\n  {}\n",
                    name, to_text(account.address(), network), phrase->text()));
    return Ok{};
}

Try<Ok> import(Context& context, const std::string& name, Network network, std::uint32_t number,
               bool is_key) {
    context.note(is_key ? "Type the secret key, 64 hexadecimal digits:" : "Type the phrase:");
    MILLRACE_TRY(const SecretBuffer line, read_secret_line());
    MILLRACE_TRY(const SecretBuffer passphrase, context.passphrase.for_new());
    const Keystore keystore = context.keystore();
    if (is_key) {
        auto raw = from_hex(line.text());
        const auto secret = raw ? AccountSecret::from(*raw) : std::nullopt;
        if (raw) sodium_memzero(raw->data(), raw->size());
        if (!secret) return Err{Failure{Exit::bad_input, "this is not a secret key"}};
        MILLRACE_TRY(const auto account,
                     keystore.add_key(name, network, *secret, passphrase.text()));
        context.print(to_json(row_of(account)),
                      fmt::format("Account \"{}\": {}", name, to_text(account.address(), network)));
        return Ok{};
    }
    const auto phrase = Mnemonic::parse(line.text());
    if (!phrase.has_value()) return Err{mnemonic_failure(phrase.error())};
    MILLRACE_TRY(const auto account, keystore.add_phrase(name, network, phrase->entropy().view(),
                                                         number, passphrase.text()));
    context.print(to_json(row_of(account)),
                  fmt::format("Account \"{}\": {}", name, to_text(account.address(), network)));
    return Ok{};
}

Try<Ok> watch(Context& context, const std::string& name, Network network, const std::string& text) {
    const auto raw = from_hex(text);
    const auto key = raw ? AccountKey::from(*raw) : std::nullopt;
    if (!key || !is_valid_key(*key))
        return Err{Failure{Exit::bad_input,
                           fmt::format("\"{}\" is no public key of 64 hexadecimal digits, as "
                                       "`millrace account list --json` prints it",
                                       text)}};
    MILLRACE_TRY(const auto account, context.keystore().add_watched(name, network, *key));
    context.print(to_json(row_of(account)), fmt::format("Account \"{}\": {}, watch-only", name,
                                                        to_text(account.address(), network)));
    return Ok{};
}

Try<Ok> list(Context& context) {
    MILLRACE_TRY(const std::vector<Keystore::Listed> all, context.keystore().list());
    boost::json::array rows;
    Table table({"NAME", "ADDRESS", "KIND"});
    for (const Keystore::Listed& account : all) {
        rows.push_back(to_json(row_of(account)));
        table.add({account.name, to_text(account.address(), account.file.network),
                   enum_name(account.file.kind)});
    }
    context.print(rows, all.empty() ? "No accounts yet; make one with `millrace account new`."
                                    : table.text(Terminal::of(1)));
    return Ok{};
}

Try<Ok> show(Context& context, const std::optional<std::string>& which) {
    MILLRACE_TRY(const Keystore::Known shown, context.keystore().known(which));
    const std::string address = to_text(shown.address, shown.network);
    MILLRACE_TRY(const auto found, find_account(context, shown.address, shown.network));
    // An account of one's own that nobody has paid yet is there all the same.
    const bool is_empty = !found;
    if (is_empty && !shown.name)
        return Err{Failure{Exit::not_found, fmt::format("account {} holds nothing and has sent "
                                                        "nothing",
                                                        address)}};
    const market::AccountView view =
        found.value_or(market::AccountView{shown.address, Amount{}, {}});
    boost::json::object out;
    if (shown.name) out["name"] = *shown.name;
    out["address"] = address;
    out["balance"] = std::to_string(view.balance.value);
    out["credits"] = to_credits(view.balance);
    out["lanes"] = to_json(view.lanes);
    std::string text;
    if (shown.name) text += fmt::format("name      {}\n", *shown.name);
    text += fmt::format("address   {}\nbalance   {} credits\n", address, to_credits(view.balance));
    for (const market::Lane& lane : view.lanes)
        text += fmt::format("lane {:<4} next nonce {}\n", lane.lane, lane.next);
    if (is_empty)
        text += "Nobody has paid this account yet; on a --dev chain, `millrace faucet 1000`.\n";
    context.print(out, text);
    return Ok{};
}

}  // namespace

void add_account_commands(CLI::App& app, Context& context) {
    struct Options {
        std::string name = "default";
        std::string network = "test";
        std::uint32_t number = 0;
        bool is_key = false;
        std::string public_key;
    };
    const auto options = std::make_shared<Options>();
    const auto network = [options] {
        return options->network == "main" ? Network::main : Network::test;
    };
    const Command group = Command(app).add_subcommand("account", "Keys and balances");
    group->require_subcommand();

    const Command fresh =
        group->add_subcommand("new", "Make an account and show its 24 words once");
    fresh->add_option("name", options->name, "What to call it here")->capture_default_str();
    fresh->add_option("--network", options->network, "main or test")
        ->one_of({"main", "test"})
        ->capture_default_str();
    fresh->footer("Example:\n  millrace account new alice");
    fresh->callback([&context, options, network] {
        context.action = [&context, options, network] {
            return make_new(context, options->name, network());
        };
    });

    const Command import_command = group->add_subcommand(
        "import", "Take over an account from its words, read from standard input");
    import_command->add_option("name", options->name, "What to call it here")
        ->capture_default_str();
    import_command->add_option("--network", options->network, "main or test")
        ->one_of({"main", "test"})
        ->capture_default_str();
    import_command->add_option("--number", options->number, "Which account of the phrase")
        ->in_range(0U, 0x7fffffffU)
        ->capture_default_str();
    import_command->add_flag("--key", options->is_key,
                             "Read a bare secret key instead of a phrase");
    import_command->footer("Example:\n  millrace account import alice < words.txt");
    import_command->callback([&context, options, network] {
        context.action = [&context, options, network] {
            return import(context, options->name, network(), options->number, options->is_key);
        };
    });

    const Command watch_command =
        group->add_subcommand("watch", "Keep an account here whose key is elsewhere");
    watch_command->add_option("name", options->name, "What to call it here")->required();
    watch_command->add_option("key", options->public_key, "Its public key")->required();
    watch_command->add_option("--network", options->network, "main or test")
        ->one_of({"main", "test"})
        ->capture_default_str();
    watch_command->footer(
        "Example:\n  millrace account watch cold 5c0f...\n  millrace send tmill1w... 5 --from cold "
        "--dry-run > tx.json\n\nWhat it signs is made with --dry-run, signed where the key is "
        "with `millrace tx sign`, and sent with `millrace tx send`.");
    watch_command->callback([&context, options, network] {
        context.action = [&context, options, network] {
            return watch(context, options->name, network(), options->public_key);
        };
    });

    const auto which = std::make_shared<std::optional<std::string>>();
    const Command show_command = group->add_subcommand("show", "Balance and nonces of an account");
    show_command->add_option("account", *which, "Name in the keystore, or any address");
    show_command->footer("Example:\n  millrace account show alice --json");
    show_command->callback([&context, which] {
        context.action = [&context, which] { return show(context, *which); };
    });

    const Command list_command = group->add_subcommand("list", "The accounts in the keystore");
    list_command->footer("Example:\n  millrace account list\n\nNeeds no node and no passphrase.");
    list_command->callback([&context] { context.action = [&context] { return list(context); }; });
    add_account_history_commands(*group, context);
}

}  // namespace millrace::wallet
