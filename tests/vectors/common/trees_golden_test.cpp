// Golden vectors of both Merkle trees: tests/golden/trees.json holds inputs and what must come of
// them. This program makes the same document again and compares; tests/vectors/check_trees.py,
// written from docs/protocol/trees.md alone, checks the file without our code. The folder is in the
// environment variable MILLRACE_GOLDEN (ctest sets it). After adding a case, run this with
// MILLRACE_GOLDEN_UPDATE=1; a changed value is a change of consensus, and the commit says why.
#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "common/auth_map_proof.hpp"
#include "common/codec.hpp"
#include "common/page_proof.hpp"
#include "common/page_stream.hpp"
#include "common/rng.hpp"
#include "common/sparse_page_tree.hpp"
#include "tests/support/auth_map_oracle.hpp"

namespace millrace {
namespace {

namespace json = boost::json;

template <std::size_t N, class Tag>
std::string hex(const FixedBytes<N, Tag>& fixed) {
    return to_hex(fixed.view());
}

/// A page by its first bytes; the rest is zero.
Bytes page_of(const Bytes& start) {
    Bytes page = start;
    page.resize(kTreePageSize, 0);
    return page;
}

using PageStarts = std::map<std::uint64_t, Bytes>;

json::array to_json_pages(const PageStarts& pages) {
    json::array out;
    for (const auto& [index, start] : pages)
        out.push_back(json::object{{"index", std::to_string(index)}, {"start", to_hex(start)}});
    return out;
}

SparsePageTree tree_of(unsigned levels, const PageStarts& pages) {
    SparsePageTree tree(levels);
    std::vector<Subtree> parts;
    for (const auto& [index, start] : pages) parts.push_back({0, index, page_hash(page_of(start))});
    tree.update(parts);
    return tree;
}

std::vector<Hash> leaves_of(const std::vector<std::uint64_t>& asked, const PageStarts& pages) {
    std::vector<Hash> out;
    for (const std::uint64_t index : asked) {
        const auto found = pages.find(index);
        out.push_back(page_hash(page_of(found == pages.end() ? Bytes{} : found->second)));
    }
    return out;
}

/// A tree, a proof of some of its pages, and the root once all of those hold the bytes ff.
json::object page_case(const std::string& name, unsigned levels, const PageStarts& pages,
                       const std::vector<std::uint64_t>& asked) {
    const SparsePageTree tree = tree_of(levels, pages);
    const PageProof proof = *make_page_proof(tree, asked);
    const ProofShape shape{levels, 0};
    REQUIRE(*proven_root(proof, leaves_of(asked, pages), shape) == tree.root());
    const std::vector<Hash> after(asked.size(), page_hash(page_of({0xff})));
    json::array asked_json;
    for (const std::uint64_t index : asked)
        asked_json.push_back(json::string(std::to_string(index)));
    return {{"name", name},
            {"levels", levels},
            {"pages", to_json_pages(pages)},
            {"root", hex(tree.root())},
            {"asked", asked_json},
            {"proof", to_hex(encode(proof))},
            {"root_after", hex(*proven_root(proof, after, shape))}};
}

json::array page_cases() {
    constexpr std::uint64_t kLast = (std::uint64_t{1} << 52U) - 1;
    json::array out;
    out.push_back(page_case("one page is the tree", 0, {{0, {1}}}, {0}));
    out.push_back(page_case("empty region", 20, {}, {0}));
    out.push_back(page_case("first and last page of all", 52, {{0, {1, 2}}, {kLast, {3}}}, {0}));
    out.push_back(page_case("neighbours", 52, {{6, {6}}, {7, {7}}}, {6, 7}));
    out.push_back(page_case("a page that is not there", 52, {{5, {5}}, {1U << 20U, {9}}}, {4, 5}));
    out.push_back(page_case("both sides of every level", 3,
                            {{0, {1}}, {1, {2}}, {3, {3}}, {6, {4}}}, {1, 2, 7}));
    for (std::uint64_t seed = 0; seed < 24; ++seed) {
        Rng rng(seed);
        const auto levels = static_cast<unsigned>(rng.between(1, 52));
        const std::uint64_t end = std::uint64_t{1} << levels;
        PageStarts pages;
        std::map<std::uint64_t, bool> asked;
        const std::uint64_t live = rng.below(12);
        for (std::uint64_t i = 0; i < live; ++i) {
            const std::uint64_t at = rng.chance(2) ? rng.below(end) : rng.below(end) % 16;
            const std::uint64_t size = rng.between(1, 6);
            const auto byte = static_cast<std::uint8_t>(rng.between(1, 255));
            pages[at] = Bytes(size, byte);
            if (rng.chance(2)) asked[at] = true;
        }
        asked[rng.below(end)] = true;
        std::vector<std::uint64_t> list;
        for (const auto& [index, unused] : asked) list.push_back(index);
        out.push_back(page_case("random " + std::to_string(seed), levels, pages, list));
    }
    return out;
}

json::object refused_pages(const std::string& name, const PageProof& proof) {
    const std::vector<Hash> leaves(proof.pages.size(), zero_subtree(0));
    const auto got = proven_root(proof, leaves, ProofShape{4, 0});
    REQUIRE_FALSE(got.has_value());
    return {{"name", name},
            {"levels", 4},
            {"proof", to_hex(encode(proof))},
            {"refusal", enum_name(got.error())}};
}

json::array refused_page_proofs() {
    const SparsePageTree tree = tree_of(4, {{1, {1}}, {6, {6}}});
    const std::vector<std::uint64_t> asked = {1, 4};
    const PageProof good = *make_page_proof(tree, asked);
    json::array out;
    const auto add = [&](const std::string& name, auto spoil) {
        PageProof proof = good;
        spoil(proof);
        out.push_back(refused_pages(name, proof));
    };
    add("no page", [](PageProof& p) { p.pages.clear(); });
    add("one page twice", [](PageProof& p) { p.pages[1] = 1; });
    add("beyond the tree", [](PageProof& p) { p.pages[1] = 16; });
    add("a byte of flags too many", [](PageProof& p) { p.flags.push_back(0); });
    add("a bit after the last sibling", [](PageProof& p) { p.flags[0] |= 0x20; });
    add("a hash too many", [](PageProof& p) { p.siblings.push_back(Hash{}); });
    add("a zero subtree sent in full", [](PageProof& p) {
        p.flags[0] |= 0x10;
        p.siblings.push_back(zero_subtree(3));
    });
    return out;
}

/// Byte `i` of a golden blob.
std::uint8_t blob_byte(std::uint64_t i) {
    return static_cast<std::uint8_t>(31 * i + (i >> 8U));
}

json::array blob_cases() {
    json::array out;
    for (const std::uint64_t length : {0U, 1U, 4095U, 4096U, 4097U, 20'000U, 65'536U}) {
        constexpr unsigned kLevel = 1;
        Bytes content(length);
        for (std::uint64_t i = 0; i < length; ++i) content[i] = blob_byte(i);
        PageTreeHasher hasher(kRegionLevels, kLevel);
        REQUIRE(hasher.push(content));
        const Hash root = hasher.finish();
        SparsePageTree chunks(kRegionLevels);
        chunks.update(hasher.chunk_roots());
        json::array proofs;
        for (const Subtree& chunk : hasher.chunk_roots()) {
            const std::vector<std::uint64_t> asked = {chunk.index};
            proofs.push_back(json::string(to_hex(encode(*make_page_proof(chunks, asked, kLevel)))));
        }
        out.push_back(json::object{{"length", length},
                                   {"region_root", hex(root)},
                                   {"file_id", hex(file_id(length, root))},
                                   {"chunk_level", kLevel},
                                   {"chunk_proofs", proofs}});
    }
    return out;
}

struct MapEntries {
    std::map<MapPath, std::pair<Bytes, Bytes>> by_key;
    std::map<MapPath, Hash> by_path;

    void add(const Bytes& key, const Bytes& value) {
        by_key[map_path(key)] = {key, value};
        by_path[map_path(key)] = map_value_hash(value);
    }
};

/// A map, its stored pages, and proofs for the asked paths.
json::object map_case(const std::string& name, const MapEntries& entries,
                      const std::vector<MapPath>& asked) {
    test::MemoryPageStore store;
    std::vector<MapChange> batch;
    json::array entries_json;
    for (const auto& [path, value_hash] : entries.by_path) {
        batch.push_back({path, value_hash});
        json::object entry{{"path", hex(path)}, {"value_hash", hex(value_hash)}};
        const auto content = entries.by_key.find(path);
        if (content != entries.by_key.end()) {
            entry["key"] = to_hex(content->second.first);
            entry["value"] = to_hex(content->second.second);
        }
        entries_json.push_back(entry);
    }
    const auto update = update_map(store, MapRoot{}, batch);
    REQUIRE(update.has_value());
    store.apply(update->writes);
    json::array pages_json;
    for (const auto& [id, raw] : store.pages)
        pages_json.push_back(json::object{{"id", to_hex(id.key())}, {"bytes", to_hex(raw)}});
    json::array proofs_json;
    for (const MapPath& path : asked) {
        const auto proof = prove_in_map(store, update->root, path);
        REQUIRE(proof.has_value());
        proofs_json.push_back(json::object{{"path", hex(path)}, {"proof", to_hex(encode(*proof))}});
    }
    return {{"name", name},
            {"entries", entries_json},
            {"top", hex(map_node_hash(update->root.top))},
            {"root", hex(update->root.hash())},
            {"pages", pages_json},
            {"proofs", proofs_json}};
}

MapPath path_with(std::initializer_list<std::pair<std::size_t, std::uint8_t>> bytes) {
    MapPath path;
    for (const auto& [at, byte] : bytes) path.bytes.at(at) = byte;
    return path;
}

json::array map_cases() {
    json::array out;
    const Bytes absent_key = {0xab, 0xcd};
    const std::vector<MapPath> absent = {map_path(absent_key)};
    out.push_back(map_case("empty", {}, absent));
    MapEntries one;
    one.add({1}, {0x10});
    out.push_back(map_case("one entry", one, {map_path(Bytes{1}), absent[0]}));
    MapEntries deep;
    deep.by_path[path_with({})] = Hash{};
    deep.by_path[path_with({{31, 1}})] = Hash{};
    out.push_back(map_case("two paths that differ in their last bit", deep,
                           {path_with({}), path_with({{31, 2}}), path_with({{0, 0x80}})}));
    MapEntries boundary;
    boundary.by_path[path_with({{0, 0x00}})] = Hash{};
    boundary.by_path[path_with({{0, 0x02}})] = Hash{};
    boundary.by_path[path_with({{0, 0x04}})] = Hash{};
    out.push_back(map_case("ways that part at the edge of a page", boundary,
                           {path_with({{0, 0x02}}), path_with({{0, 0x04}}), path_with({{0, 0x06}}),
                            path_with({{0, 0x01}})}));
    for (const std::uint64_t count : {2U, 5U, 40U, 150U}) {
        MapEntries many;
        std::vector<MapPath> asked = absent;
        for (std::uint64_t i = 0; i < count; ++i) {
            const Bytes key{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)};
            many.add(key, Bytes(i % 5, static_cast<std::uint8_t>(i)));
            if (i % 13 == 0) asked.push_back(map_path(key));
            if (i % 13 == 1) asked.push_back(map_path(Bytes{9, 9, static_cast<std::uint8_t>(i)}));
        }
        out.push_back(map_case(std::to_string(count) + " entries", many, asked));
    }
    return out;
}

json::array refused_map_proofs() {
    test::MemoryPageStore store;
    const MapPath first;
    const MapPath second = path_with({{0, 0x40}});
    const MapPath third = path_with({{0, 0x80}});
    const MapPath missing = path_with({{0, 0x40}, {31, 1}});
    const std::vector<MapChange> batch = {{first, Hash{}}, {second, Hash{}}, {third, Hash{}}};
    const auto update = update_map(store, MapRoot{}, batch);
    REQUIRE(update.has_value());
    store.apply(update->writes);
    const MapProof present = *prove_in_map(store, update->root, first);
    const MapProof absence = *prove_in_map(store, update->root, missing);
    json::array out;
    const auto add = [&](const std::string& name, bool absent, auto spoil) {
        MapProof proof = absent ? absence : present;
        spoil(proof);
        const auto got = absent ? proven_map_root(missing, std::nullopt, proof)
                                : proven_map_root(first, Hash{}, proof);
        REQUIRE_FALSE(got.has_value());
        json::object row{{"name", name},
                         {"path", hex(absent ? missing : first)},
                         {"proof", to_hex(encode(proof))},
                         {"refusal", enum_name(got.error())}};
        if (!absent) row["value_hash"] = hex(Hash{});
        out.push_back(row);
    };
    add("deeper than a path", false, [](MapProof& p) { p.depth = 257; });
    add("a byte of flags too many", false, [](MapProof& p) { p.flags.push_back(0); });
    add("a bit after the last level", false, [](MapProof& p) { p.flags[0] |= 4; });
    add("a hash too few", false, [](MapProof& p) { p.siblings.pop_back(); });
    add("a terminator sent in full", false, [](MapProof& p) { p.siblings[0] = Hash{}; });
    add("a leaf below where it is alone", false, [](MapProof& p) {
        p.flags[0] = 1;
        p.siblings.pop_back();
    });
    add("absence where presence was asked", false, [](MapProof& p) { p.end = MapTerminator{}; });
    add("presence where absence was asked", true, [](MapProof& p) { p.end = MapEndsInKey{}; });
    add("another leaf off the way", true,
        [](MapProof& p) { std::get<MapLeaf>(p.end).path.bytes[0] = 0; });
    add("the key's own leaf as another's", true,
        [](MapProof& p) { std::get<MapLeaf>(p.end).path.bytes[31] = 1; });
    return out;
}

json::value golden() {
    json::array zeros;
    for (unsigned level = 0; level <= kPageTreeLevels; ++level)
        zeros.push_back(json::string(hex(zero_subtree(level))));
    return json::object{{"zero_subtrees", zeros},
                        {"page_trees", page_cases()},
                        {"refused_page_proofs", refused_page_proofs()},
                        {"blobs", blob_cases()},
                        {"maps", map_cases()},
                        {"refused_map_proofs", refused_map_proofs()}};
}

/// One case a line, so that a difference shows which case it is.
std::string to_lines(const json::value& document) {
    std::string out = "{\n";
    bool first_section = true;
    for (const auto& section : document.as_object()) {
        out += first_section ? "" : ",\n";
        first_section = false;
        out += json::serialize(json::string(section.key())) + ": [\n";
        bool first_row = true;
        for (const json::value& row : section.value().as_array()) {
            out += first_row ? "  " : ",\n  ";
            first_row = false;
            out += json::serialize(row);
        }
        out += "\n]";
    }
    return out + "\n}\n";
}

}  // namespace

TEST_SUITE("common/trees_golden") {
    TEST_CASE("both trees and their proofs are byte for byte those of the golden file") {
        const std::string made = to_lines(golden());
        const char* folder = std::getenv("MILLRACE_GOLDEN");
        REQUIRE_MESSAGE(folder != nullptr, "run by ctest, or set MILLRACE_GOLDEN to tests/golden");
        const std::string path = std::string(folder) + "/trees.json";
        const char* update = std::getenv("MILLRACE_GOLDEN_UPDATE");
        if (update != nullptr && std::string_view(update) == "1") {
            std::ofstream(path) << made;
            FAIL("golden file rewritten; run again without MILLRACE_GOLDEN_UPDATE");
        }
        std::ifstream file(path);
        REQUIRE(file.is_open());
        std::stringstream held;
        held << file.rdbuf();
        std::string made_line;
        std::string held_line;
        std::istringstream made_lines(made);
        int line = 0;
        while (std::getline(held, held_line)) {
            ++line;
            CAPTURE(line);
            REQUIRE(std::getline(made_lines, made_line));
            REQUIRE(made_line == held_line);
        }
        CHECK_FALSE(std::getline(made_lines, made_line));
        CHECK(line > 60);
    }
}

}  // namespace millrace
