"""`tf.strings`."""

from npslim.ops.parsing import string_to_number as to_number
from npslim.ops.strings import regex_replace
from npslim.ops.strings import string_join as join
from npslim.ops.strings import string_to_hash_bucket_fast as to_hash_bucket_fast
from npslim.tf.missing import reporter
from npslim.tf.renamed import as_string, reduce_join, substr
from npslim.tf.renamed import string_length as length
from npslim.tf.renamed import string_lower as lower
from npslim.tf.renamed import string_split as split
from npslim.tf.renamed import string_strip as strip
from npslim.tf.renamed import string_upper as upper

__getattr__ = reporter(__name__, lambda: globals())
