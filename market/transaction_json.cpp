#include "market/transaction_json.hpp"

namespace millrace {

template boost::json::value json_detail::write<market::TxBody>(const market::TxBody&,
                                                               const JsonStyle&);
template bool json_detail::read<market::TxBody>(const boost::json::value&, market::TxBody&,
                                                json_detail::Reader&);
template boost::json::object json_schema<market::TxBody>();

}  // namespace millrace
