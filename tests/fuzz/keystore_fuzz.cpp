// Input: one byte that chooses, then a file of the wallet's keystore (JSON) or a box of a secret
// (bytes). Somebody may send either as a backup to restore. A file that is read must be written as
// it was read; a box that opens holds no more than a box may.
#include <boost/json.hpp>
#include <cstdlib>

#include "common/secret_box.hpp"
#include "wallet/keystore.hpp"

namespace {

using namespace millrace;

/// Where the cost stands in a box: docs/protocol/addresses.md, "Keystore box".
constexpr std::size_t kPassesAt = 10, kMemoryAt = 14, kCostEnd = 18;

/// A box may ask for a second of work and a GiB of memory. That is its right, and no bug; here only
/// cheap ones are opened, and those that are refused.
bool is_expensive(ByteView box) {
    if (box.size() < kCostEnd) return false;
    const auto passes = load_le<std::uint32_t>(box.data() + kPassesAt);
    const auto memory_kib = load_le<std::uint32_t>(box.data() + kMemoryAt);
    const bool refused = passes > kBoxCostMax.passes || memory_kib > kBoxCostMax.memory_kib;
    return !refused && (passes > 2 || memory_kib > 256);
}

void read_box(ByteView box) {
    if (is_expensive(box)) return;
    const auto secret = open_box(box, "open sesame", {});
    if (secret.has_value()) MILLRACE_ASSERT(secret->size() <= kBoxSecretMax);
}

void read_file(std::string_view text) {
    boost::system::error_code error;
    const auto json = boost::json::parse(text, error);
    if (error) return;
    const auto file = from_json<wallet::KeyFile>(json);
    if (!file.has_value()) {
        MILLRACE_ASSERT(!file.error().sentence().empty());
        return;
    }
    MILLRACE_ASSERT(encode(*from_json<wallet::KeyFile>(to_json(*file))) == encode(*file));
    const wallet::Keystore::Listed account{"fuzz", *file};
    static_cast<void>(account.address());
    if (is_expensive(file->box)) return;
    const auto secret = wallet::Keystore::open(account, "open sesame");
    const auto phrase = wallet::Keystore::open_phrase(account, "open sesame");
    if (!secret.has_value()) MILLRACE_ASSERT(!secret.error().message.empty());
    // A key has no phrase, whatever its box holds.
    MILLRACE_ASSERT(!phrase.has_value() || file->kind == wallet::SecretKind::phrase);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView raw(data + 1, size - 1);
    if (data[0] % 2 == 0)
        read_file(as_text(raw));
    else
        read_box(raw);
    return 0;
}
