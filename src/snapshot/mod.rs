//! Snapshots on disk: directories and archives, read and verified. Decides nothing about the procedure.
