// Input: one byte that says what the rest is, then its bytes.
//   0  an encoded MapProof, asked about the path of zeroes
//   1  a stored page of the authenticated map, at the top or deeper by the second byte
//   2  an encoded PageProof, for a tree of as many levels as the second byte says (modulo 54), with
//      leaves of zeroes
// What is accepted must be canonical, and must not be accepted for anything else.
#include <memory>

#include "common/assert.hpp"
#include "common/auth_map_proof.hpp"
#include "common/codec.hpp"
#include "common/detail/auth_map_page.hpp"
#include "common/page_proof.hpp"

namespace {

using namespace millrace;

/// The most levels that the second byte can ask for: one more than there are.
constexpr unsigned kLevelChoices = kPageTreeLevels + 2;

void look_at_map_proof(ByteView raw) {
    const auto proof = decode<MapProof>(raw);
    if (!proof) return;
    const Bytes again = encode(*proof);
    MILLRACE_ASSERT(std::equal(again.begin(), again.end(), raw.begin(), raw.end()));
    const auto present = proven_map_root(MapPath{}, Hash{}, *proof);
    const auto absent = proven_map_root(MapPath{}, std::nullopt, *proof);
    // One proof never shows both.
    MILLRACE_ASSERT(!present.has_value() || !absent.has_value());
    MILLRACE_ASSERT(present.has_value() || present.error() != MapProofError::root_differs);
}

void look_at_map_page(unsigned depth, ByteView raw) {
    const MapPageId id = MapPageId::on_way_to(MapPath{}, depth % 43);
    const auto page = detail::MapPage::decode(id, raw);
    if (!page) return;
    const Bytes again = page->encode();
    MILLRACE_ASSERT(std::equal(again.begin(), again.end(), raw.begin(), raw.end()));
}

void look_at_page_proof(unsigned levels, ByteView raw) {
    const auto proof = decode<PageProof>(raw);
    if (!proof) return;
    const Bytes again = encode(*proof);
    MILLRACE_ASSERT(std::equal(again.begin(), again.end(), raw.begin(), raw.end()));
    const ProofShape shape{levels % kLevelChoices, 0};
    const std::vector<Hash> leaves(proof->pages.size(), zero_subtree(0));
    const auto root = proven_root(*proof, leaves, shape);
    // The two checks agree, but for the one fault that only the walk sees.
    const auto sound = check_page_proof(*proof, shape);
    if (root.has_value()) MILLRACE_ASSERT(sound.has_value());
    if (!sound.has_value()) MILLRACE_ASSERT(root.error() == sound.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const ByteView raw(data, size);
    switch (raw[0]) {
        case 0:
            look_at_map_proof(raw.subspan(1));
            break;
        case 1:
            look_at_map_page(raw[1], raw.subspan(2));
            break;
        case 2:
            look_at_page_proof(raw[1], raw.subspan(2));
            break;
        default:
            break;
    }
    return 0;
}
