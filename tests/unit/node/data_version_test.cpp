#include <doctest/doctest.h>

#include <boost/crc.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/describe_schema.hpp"
#include "market/ledger/modules.hpp"
#include "market/ledger/tables.hpp"
#include "market/ledger/validators.hpp"
#include "market/node_answers.hpp"
#include "node/blobs/pins.hpp"
#include "node/chain/block_store.hpp"
#include "node/chain/history.hpp"
#include "node/provider/journal.hpp"
#include "node/storage/ledger_db.hpp"

namespace millrace::node {

TEST_SUITE("node/data_version") {
    std::filesystem::path golden_file() {
        const char* golden = std::getenv("MILLRACE_GOLDEN");
        REQUIRE_MESSAGE(golden != nullptr, "set MILLRACE_GOLDEN to tests/golden");
        return std::filesystem::path(golden) / "stored_rows.txt";
    }

    template <class T>
    void add(std::string & out, const char* name) {
        const std::string schema = boost::json::serialize(json_schema<T>());
        boost::crc_32_type sum;
        sum.process_bytes(schema.data(), schema.size());
        out += std::string(name) + " " + std::to_string(sum.checksum()) + "\n";
    }

    /// The form of every row that a data folder keeps: members, their order, types and bounds.
    std::string forms() {
        std::string out;
        add<market::Account>(out, "account");
        add<market::AskRow>(out, "ask_row");
        add<market::Attendance>(out, "attendance");
        add<market::BidRow>(out, "bid_row");
        add<market::ChainState>(out, "chain_state");
        add<market::Chunk>(out, "chunk");
        add<market::ClassPrice>(out, "class_price");
        add<market::EpochSet>(out, "epoch_set");
        add<market::Job>(out, "job");
        add<market::JobSpec>(out, "job_spec");
        add<market::Lease>(out, "lease");
        add<market::Module>(out, "module");
        add<market::OpenChunk>(out, "open_chunk");
        add<market::Params>(out, "params");
        add<market::Provider>(out, "provider");
        add<market::TaskResult>(out, "task_result");
        add<market::Validator>(out, "validator");
        add<ClearingRow>(out, "history_clearing");
        add<FillRow>(out, "history_fill");
        add<Head>(out, "head");
        add<JournalEntry>(out, "journal_entry");
        add<market::Handover>(out, "handover");
        add<PinRecord>(out, "pin_record");
        add<StoredBlock>(out, "stored_block");
        add<TxPlace>(out, "tx_place");
        return out;
    }

    TEST_CASE("a row's form does not change without the version of data folders") {
        const std::string now = "data_version " + std::string(kDataVersion) + "\n" + forms();
        std::stringstream recorded;
        recorded << std::ifstream(golden_file()).rdbuf();
        const std::string first = recorded.str().substr(0, recorded.str().find('\n') + 1);
        const bool is_raised = first != now.substr(0, now.find('\n') + 1);
        if (std::getenv("MILLRACE_GOLDEN_UPDATE") != nullptr && is_raised)
            std::ofstream(golden_file()) << now;
        else
            CHECK_MESSAGE(recorded.str() == now,
                          "raise kDataVersion in node/storage/ledger_db.hpp, then write the file "
                          "anew with MILLRACE_GOLDEN_UPDATE=1");
    }
}

}  // namespace millrace::node
